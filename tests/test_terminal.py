"""On a terminal long work shows its progress on stderr and leaves stdout clean; elsewhere it is silent."""

import contextlib
import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from advancement.aggregation import refresh_signals
from advancement.sample import FOLDER
from tests.processes import ROOT, environment, manage, sqlite


@dataclass
class Shown:
    """What a command left: its exit code, its stdout, and what a terminal showed of its stderr."""

    code: int
    out: str
    screen: str


def on_terminal(*arguments: str, **settings: str) -> Shown:
    """Run manage.py with its stderr on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(TERM="xterm", COLUMNS="100", **settings),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    screen = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while block := os.read(ours, 65_536):
            screen += block
    os.close(ours)
    out, _ = process.communicate(timeout=120)
    return Shown(process.returncode, out, screen.decode())


@pytest.fixture(scope="module")
def grove(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make a database of this module's own, with the sample's sprouts."""
    settings = {"DEBUG": "1", "DATABASE_URL": sqlite(tmp_path_factory.mktemp("grove"))}
    assert manage("migrate", "-v0", **settings).returncode == 0
    assert manage("import_sprouts", str(FOLDER / "sprouts.csv"), **settings).returncode == 0
    return settings


LONG_WORK = {
    ("import_sprouts", str(FOLDER / "sprouts.csv")): "Importing sprouts",
    ("aggregate_signals", "--full"): "adding up totals",
    ("run_advancement", "--dry-run"): "planning",
}


@pytest.mark.parametrize("command", LONG_WORK, ids=lambda command: command[0])
def test_a_terminal_shows_the_progress_and_stdout_is_one_object(
    command: tuple[str, ...], grove: dict[str, str]
) -> None:
    shown = on_terminal(*command, "--json", **grove)
    assert shown.code == 0, shown.screen
    assert isinstance(json.loads(shown.out), dict)
    assert shown.out.count("\n") == 1
    assert LONG_WORK[command] in shown.screen
    assert "\x1b" not in shown.out


@pytest.mark.parametrize("command", LONG_WORK, ids=lambda command: command[0])
def test_without_a_terminal_there_is_no_progress(command: tuple[str, ...], grove: dict[str, str]) -> None:
    assert manage(*command, **grove).stderr == ""


def test_a_refusal_on_a_terminal_is_still_a_sentence(grove: dict[str, str], tmp_path: Path) -> None:
    shown = on_terminal("import_sprouts", str(tmp_path / "none.csv"), **grove)
    assert (shown.code, shown.out) == (1, "")
    assert "none.csv: there is no such file; check the path." in shown.screen.replace("\r\n", "")


@pytest.mark.django_db
@pytest.mark.parametrize("full", [True, False])
def test_a_refresh_reports_each_of_its_phases_once_and_in_order(full: bool) -> None:
    refresh_signals()
    seen: list[tuple[str, int, int]] = []
    refresh_signals(full=full, progress=lambda *phase: seen.append(phase))
    assert seen == [("choosing sprouts", 0, 3), ("computing signals", 1, 3), ("adding up totals", 2, 3)]
