"""Memory stays flat, however many rows a file has."""

import json
from pathlib import Path

import pytest

from advancement.importing import EventImporter, import_file
from advancement.models import UsageEvent
from tests.importing.conftest import event_row

STATUS = Path("/proc/self/status")
ROWS = 200_000
MIB = 1024


def resident() -> int:
    """The memory of this process, in KiB."""
    return next(int(line.split()[1]) for line in STATUS.open() if line.startswith("VmRSS"))


@pytest.mark.skipif(not STATUS.exists(), reason="memory is read from Linux's /proc")
@pytest.mark.usefixtures("grove")
@pytest.mark.parametrize("bad", [False, True], ids=["good rows", "bad rows"])
def test_a_large_file_does_not_need_more_memory(bad: bool, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    rows = 20_000 if bad else ROWS
    with path.open("w") as file:
        for number in range(rows):
            file.write(json.dumps(event_row(id=f"event-{number}", sessionId="" if bad else "s" * 100)) + "\n")
    before = resident()
    seen: list[int] = []
    outcome = import_file(
        EventImporter, str(path), skip_bad_rows=bad, on_progress=lambda done, total: seen.append(resident())
    )
    seen.append(resident())
    assert (outcome.read, outcome.inserted) == (rows, 0 if bad else rows)
    assert UsageEvent.objects.count() == outcome.inserted
    assert max(seen) - before < 80 * MIB
