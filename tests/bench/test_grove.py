"""The generator for load tests: the same grove for the same arguments, in files that can be imported."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.bench.grove import EVENTS, SPROUTS, write_files
from tests.processes import manage, run, sqlite

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
GENERATE = [sys.executable, "-m", "tests.bench.grove", "--sprouts", "50", "--events", "400"]


def files(folder: Path, seed: int) -> list[bytes]:
    folder.mkdir()
    write_files(folder, sprouts=50, events=400, until=UNTIL, seed=seed)
    return [(folder / name).read_bytes() for name in (SPROUTS, EVENTS)]


def test_the_same_seed_gives_the_same_files_and_another_one_others(tmp_path: Path) -> None:
    first, second, other = (files(tmp_path / name, seed) for name, seed in (("a", 7), ("b", 7), ("c", 8)))
    assert first == second
    assert first[0] != other[0]
    assert first[1] != other[1]
    assert [text.count(b"\n") for text in first] == [51, 400]


def test_the_command_writes_the_same_files(tmp_path: Path) -> None:
    expected = files(tmp_path / "a", 7)
    (tmp_path / "b").mkdir()
    ended = run([*GENERATE, "--seed", "7", "--folder", str(tmp_path / "b")], {})
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert [(tmp_path / "b" / name).read_bytes() for name in (SPROUTS, EVENTS)] == expected


@pytest.mark.parametrize("arguments", [("--sprouts", "0"), ("--events", "-1"), ("--until", "soon")])
def test_wrong_usage_is_refused(arguments: tuple[str, ...]) -> None:
    assert run([*GENERATE, *arguments], {}).returncode == 2


def test_it_fills_an_empty_database_and_no_other(tmp_path: Path) -> None:
    settings = {"DEBUG": "1", "DATABASE_URL": sqlite(tmp_path)}
    assert manage("migrate", "-v0", **settings).returncode == 0
    ended = run(GENERATE, settings)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        "50 sprouts read: 50 new, 0 retitled, 0 unchanged.",
        "400 usage events read: 400 new, 0 unchanged.",
    ]
    again = run(GENERATE, settings)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("This database holds sprouts already")
