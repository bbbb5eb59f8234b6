"""docs/rollback.md shows what the commands print."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.test_sample_grove import plant

DOCUMENT = Path(__file__).parents[2] / "docs/rollback.md"
# What differs from day to day and from machine to machine: times, durations, hashes, numbers of runs.
CHANGING = (
    r"\d{4}-\d\d-\d\d \d\d:\d\d|[\d.]+ m?s\b|\d+:[0-9a-f]{64}"
    r"|(?<=[Rr]un )\d+|(?<=[Rr]ollback )\d+|(?<=undo )\d+|(?<=show_plan )\d+"
)


def steps() -> Iterator[tuple[list[str], list[str]]]:
    """Return each command of the document with the lines that it prints."""
    for block in re.findall(r"```console\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL):
        command, *lines = block.rstrip().split("\n")
        yield shlex.split(command.removeprefix("$ manage.py ")), lines


def same(text: str) -> str:
    return re.sub(CHANGING, "#", " ".join(text.split()))


@pytest.mark.django_db
def test_the_transcript_is_what_the_commands_print(
    settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant("2026-01-20T00:00:00Z")
    capsys.readouterr()
    call_command("export_rules")
    [rule] = [r for r in json.loads(capsys.readouterr().out) if r["id"] == "seed-to-tree-fast-track"]
    (tmp_path / "bad.json").write_text(json.dumps([rule | {"isEnabled": True}]))
    monkeypatch.chdir(tmp_path)
    rollback = ""
    for command, lines in steps():
        if command[-1] == "seed":
            settings.ADVANCEMENT_MAX_SHARE = 1
        call_command(*[rollback if word == "4" else word for word in command])
        out = capsys.readouterr().out
        rollback = rollback or next(iter(re.findall(r"^Rollback (\d+):", out, re.MULTILINE)), "")
        printed = iter([same(line) for line in out.split("\n")])  # each after the one before
        for line in lines:
            assert line == "…" or same(line) in printed, (command, line, out)
