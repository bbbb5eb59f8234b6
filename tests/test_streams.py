"""Arguments, names and standard streams that are not as they should be: a sentence, never a traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command

from advancement.management.base import system_user
from advancement.models import Run, Sprout
from tests.factories import add_rule
from tests.runs.conftest import MANAGE, database_url, plant

pytestmark = pytest.mark.django_db(transaction=True)

full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110


def manage(
    *arguments: str | bytes, out: str = "", closed: int | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run manage.py with its output to a file, or with one of its standard streams closed."""
    close: Callable[[], None] | None = None if closed is None else lambda: os.close(closed)
    with open(out or os.devnull, "wb") as file:  # noqa: PTH123
        return subprocess.run(
            [sys.executable, str(MANAGE), *arguments],
            env=os.environ | {"DATABASE_URL": database_url(), "DEBUG": "1"} | environment,
            stdout=file if out else subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
            preexec_fn=close,
            timeout=60,
            check=False,
        )


def sentence(answer: subprocess.CompletedProcess[bytes]) -> str:
    said = answer.stderr.decode()
    assert "Traceback" not in said
    assert said.count("\n") == 1, said
    return said


@pytest.mark.parametrize(
    "arguments",
    [
        ("run_advancement", "--from-tier", b"\xff\xfe"),
        ("decide_run", "1", "--discard", "--reason", b"\xff"),
        ("import_sprouts", b"\xff.csv"),
    ],
)
def test_an_argument_that_is_not_utf8_is_wrong_usage(arguments: tuple[str | bytes, ...]) -> None:
    answer = manage(*arguments)
    assert answer.returncode == 2
    assert "is not UTF-8" in sentence(answer)


def test_whatever_the_system_calls_the_user_can_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", os.fsdecode(b"J\xf6rg"))
    assert system_user() == "J\\udcf6rg"
    monkeypatch.setenv("LOGNAME", "x" * 200)
    assert system_user() == "x" * 150
    call_command("run_advancement")
    assert Run.objects.get().requested_by == "x" * 150


@full
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_run_whose_report_finds_no_room_is_done_and_says_so(options: tuple[str, ...]) -> None:
    add_rule("citations >= 3")
    plant(3)
    answer = manage("run_advancement", *options, out="/dev/full")
    assert answer.returncode == 1
    assert sentence(answer) == (
        "The output could not be written (No space left on device); what was done stays done.\n"
    )
    assert Run.objects.get().status == "succeeded"
    assert Sprout.objects.filter(tier="sapling").count() == 3


@full
def test_a_held_run_whose_report_finds_no_room_says_that_it_is_held() -> None:
    add_rule("citations >= 3")
    plant(100)
    answer = manage("run_advancement", out="/dev/full")
    assert answer.returncode == 1
    assert b"is held by a guardrail" in answer.stderr
    assert b"Traceback" not in answer.stderr


def test_a_run_whose_output_is_closed_is_done_and_says_so() -> None:
    add_rule("citations >= 3")
    plant(3)
    answer = manage("run_advancement", closed=1)
    assert answer.returncode == 1
    assert "The output could not be written" in sentence(answer)
    assert Run.objects.get().status == "succeeded"


def test_a_command_whose_errors_are_closed_still_ends_as_it_should() -> None:
    assert manage("run_advancement", closed=2).returncode == 0
    assert manage("decide_run", "4711", "--discard", "--reason", "x", closed=2).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("import_sprouts", "-"), 1),
        (("import_rules", "-"), 1),
        (("release_holds", "-", "--reason", "done"), 2),
    ],
)
def test_a_closed_standard_input_is_named(arguments: tuple[str, ...], code: int) -> None:
    answer = manage(*arguments, closed=0)
    assert answer.returncode == code
    assert b"closed" in answer.stderr
    assert b"Traceback" not in answer.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_exported_rules_are_json_in_utf8_whatever_the_terminal_is(encoding: str, tmp_path: Path) -> None:
    add_rule("citations >= 3", title="Überfällig 🌱")
    answer = manage("export_rules", PYTHONIOENCODING=encoding)
    assert answer.returncode == 0
    assert json.loads(answer.stdout.decode("utf-8"))[0]["title"] == "Überfällig 🌱"
