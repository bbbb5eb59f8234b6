"""The commands as other programs call them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.importing.conftest import event_row, jsonl, run

ROOT = Path(__file__).parents[2]


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"DEBUG": "1"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("grove")
def test_json_tells_what_came_of_it(write: Callable[..., str]) -> None:
    path = write(jsonl(event_row(), event_row(id="")))
    result = run("import_events", path, "--json", "--skip-bad-rows")
    problem = f"{path}, line 2: id is empty; every row needs one."
    assert result.json == {
        "file": path, "kept": True, "read": 2, "inserted": 1, "updated": 0, "unchanged": 0, "repeated": 0,
        "rejected": 1, "problems": [problem], "notes": [], "rejected_file": f"{path}.rejected",
    }  # fmt: skip


@pytest.mark.usefixtures("grove")
def test_json_also_tells_why_nothing_was_kept(write: Callable[..., str]) -> None:
    path = write(jsonl(event_row(), event_row(id="")))
    result = run("import_events", path, "--json")
    assert result.code == 1
    assert (result.json["kept"], result.json["read"], result.json["rejected"]) == (False, 2, 1)
    assert result.json["problems"][0] in result.err


def test_wrong_usage_exits_with_2() -> None:
    result = manage("import_events")
    assert (result.returncode, result.stdout) == (2, "")


def test_a_database_that_is_not_migrated_is_named(tmp_path: Path) -> None:
    result = manage("import_sprouts", "x.csv", DATABASE_URL=f"sqlite:///{tmp_path}/new.sqlite3")
    assert result.returncode == 1
    assert "run manage.py migrate" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_database_that_does_not_answer_is_named() -> None:
    result = manage("import_sprouts", "x.csv", DATABASE_URL="postgres://nobody@127.0.0.1:1/none")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("The database cannot be used")


@pytest.mark.parametrize(
    "arguments",
    [
        ("import_sprouts", "x.csv"),
        ("import_rules", "no-such-file.json"),
        ("aggregate_signals",),
        ("show_plan", "1"),
        ("decide_run", "1", "--discard", "--reason", "no"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_json_holds_the_sentence_of_a_command_that_has_nothing_to_report(arguments: tuple[str, ...]) -> None:
    result = manage(*arguments, "--json", DATABASE_URL="postgres://nobody@127.0.0.1:1/none")
    assert result.returncode == 1
    assert json.loads(result.stdout) == {"error": result.stderr.rstrip("\n")}
    assert result.stdout.count("\n") == 1


def test_it_writes_to_a_database_of_its_own(tmp_path: Path) -> None:
    """As on a machine: no transaction around it, and a second command while the file is there."""
    url = f"sqlite:///{tmp_path}/own.sqlite3"
    assert manage("migrate", "-v0", DATABASE_URL=url).returncode == 0
    sample = ROOT / "advancement" / "sample_grove"
    for figures in ("1,537 new, 0 retitled, 0 unchanged", "0 new, 0 retitled, 1,537 unchanged"):
        result = manage("import_sprouts", str(sample / "sprouts.csv"), DATABASE_URL=url)
        assert (result.returncode, result.stdout, result.stderr) == (
            0,
            f"1,537 sprouts read: {figures}.\n",
            "",
        )
