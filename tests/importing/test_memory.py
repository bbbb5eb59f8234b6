"""Memory stays flat, however many rows a file has."""

import json
from pathlib import Path

import pytest

from advancement.importing import EventImporter, SignalImporter, SproutImporter, import_file
from advancement.models import UsageEvent
from tests.importing.conftest import event_row

STATUS = Path("/proc/self/status")
ROWS = 200_000
MIB = 1024


def resident() -> int:
    """The memory of this process, in KiB."""
    return next(int(line.split()[1]) for line in STATUS.open() if line.startswith("VmRSS"))


needs_proc = pytest.mark.skipif(not STATUS.exists(), reason="memory is read from Linux's /proc")


@needs_proc
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


def id_of(number: int) -> str:
    return f"0b0f1a52-6a3e-4f2c-9a57-{number:012}"


@needs_proc
@pytest.mark.django_db
def test_neither_do_many_sprouts_nor_their_signals(tmp_path: Path) -> None:
    rows = 60_000
    sprouts, signals = tmp_path / "sprouts.csv", tmp_path / "signals.csv"
    with sprouts.open("w") as file:
        file.write("id,title,lifecycle_model,tier,created_at\n")
        file.writelines(f"{id_of(n)},{'t' * 300},botanical,sprout,2026-01-01\n" for n in range(rows))
    with signals.open("w") as file:
        file.write("sprout_id,period,view_count,quality_score\n")
        file.writelines(f"{id_of(n)},all_time,{n},0.5\n" for n in range(rows))
    before = resident()
    seen: list[int] = []
    for importer, path in ((SproutImporter, sprouts), (SignalImporter, signals)):
        outcome = import_file(importer, str(path), on_progress=lambda done, total: seen.append(resident()))
        assert outcome.inserted == rows
    assert max(seen) - before < 40 * MIB
