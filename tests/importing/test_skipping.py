"""--skip-bad-rows: the good rows stay, the bad ones go to a file that can be mended and imported again."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction

from advancement.importing import EventImporter, import_file
from advancement.models import Sprout, UsageEvent
from tests.importing.conftest import FERN, NEW, SPROUT_HEADER, event_row, everything, jsonl, run

Write = Callable[..., str]
pytestmark = pytest.mark.usefixtures("grove")


def test_it_keeps_the_good_rows_and_hands_back_the_bad_ones(write: Write, tmp_path: Path) -> None:
    bad = [
        f'{NEW},"Iv\ny",botanical,trea,2026-01-01\n',
        "too,short\n",
        f"{FERN},Fern,academic,draft,2026-01-01\n",
    ]
    good = f"{NEW[:-1]}9,Oak,botanical,tree,2026-01-01\n"
    path = write(SPROUT_HEADER + bad[0] + good + bad[1] + bad[2].rstrip(), "s.csv")
    result = run("import_sprouts", path, "--skip-bad-rows")
    assert (result.code, result.out) == (0, "4 sprouts read: 1 new, 0 retitled, 0 unchanged, 3 rejected.\n")
    assert [line.split(":")[0] for line in result.err.splitlines()[:3]] == [
        f"{path}, line {n}" for n in (2, 5, 6)
    ]
    assert f"3 rows were left out and written to {path}.rejected" in result.err
    assert Path(f"{path}.rejected").read_text() == SPROUT_HEADER + "".join(bad)
    assert Sprout.objects.filter(title="Oak").exists()


def test_it_writes_a_reason_for_every_bad_row_however_many_there_are(write: Write) -> None:
    path = write(jsonl(*(event_row(id=f"e{n}", sessionId="") for n in range(2500)), event_row()))
    result = run("import_events", path, "--skip-bad-rows")
    assert "… and 2,400 more." in result.err
    assert result.err.endswith(f"Every reason is in {path}.rejected.reasons.\n")
    assert Path(f"{path}.rejected.reasons").read_text().splitlines() == [
        f"{path}, line {n:,}: sessionId is empty; every row needs one." for n in range(1, 2501)
    ]
    assert UsageEvent.objects.count() == 1


def test_the_mended_rows_can_be_imported(write: Write) -> None:
    path = write(SPROUT_HEADER + f"{NEW},Ivy,botanical,trea,2026-01-01\n")
    run("import_sprouts", path, "--skip-bad-rows")
    rejected = Path(f"{path}.rejected")
    rejected.write_text(rejected.read_text().replace("trea", "tree"))
    assert run("import_sprouts", str(rejected)).out.startswith("1 sprout read: 1 new")


def test_it_hands_back_rows_that_the_database_shows_to_be_bad(write: Write) -> None:
    rows = [
        event_row(), event_row(id="e2"), event_row(id="e2", userId="u"), event_row(id="e3", sproutId=NEW),
    ]  # fmt: skip
    path = write(jsonl(*rows))
    assert run("import_events", path, "--skip-bad-rows").code == 0
    assert list(UsageEvent.objects.values_list("id", flat=True)) == ["e1"]
    assert Path(f"{path}.rejected").read_text() == jsonl(*rows[1:])
    changed = write(jsonl(event_row(userId="u"), event_row(id="e4")), "again")
    assert "1 rejected" in run("import_events", changed, "--skip-bad-rows").out
    assert Path(f"{changed}.rejected").read_text() == jsonl(event_row(userId="u"))


def test_it_hands_back_a_row_with_nul_as_it_was(write: Write) -> None:
    path = write(SPROUT_HEADER + f"{NEW},I\0vy,botanical,tree,2026-01-01\n")
    assert run("import_sprouts", path, "--skip-bad-rows").code == 0
    assert "I\0vy" in Path(f"{path}.rejected").read_text()


def test_it_never_overwrites_a_file(write: Write) -> None:
    path = write(jsonl(event_row(sessionId="")))
    write("precious", "data.rejected")
    run("import_events", path, "--skip-bad-rows")
    run("import_events", path, "--skip-bad-rows")
    assert Path(f"{path}.rejected").read_text() == "precious"
    assert Path(f"{path}.rejected-2").read_text() == Path(f"{path}.rejected-3").read_text()
    assert not Path(f"{path}.rejected.reasons").exists()
    Path(f"{path}.rejected-2").unlink()
    run("import_events", path, "--skip-bad-rows")
    assert not Path(f"{path}.rejected-2").exists(), "its reasons are still there"
    assert Path(f"{path}.rejected-4.reasons").exists()


def test_standard_input_is_handed_back_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(jsonl(event_row(sessionId="")).encode())))
    result = run("import_events", "-", "--skip-bad-rows")
    assert result.err.startswith("stdin, line 1: ")
    assert (tmp_path / "stdin.rejected").exists()


def test_without_bad_rows_there_is_no_file(write: Write, tmp_path: Path) -> None:
    run("import_events", write(jsonl(event_row())), "--skip-bad-rows")
    assert [file.name for file in tmp_path.iterdir()] == ["data"]


def test_nothing_is_kept_when_the_bad_rows_cannot_be_written(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before = write(jsonl(event_row(), event_row(id=""))), everything()
    plain_open = Path.open

    def open_unless_rejected(file: Path, mode: str = "r", **options: int) -> object:
        if mode == "xb":
            raise OSError(28, "No space left on device")
        return plain_open(file, mode, **options)

    monkeypatch.setattr(Path, "open", open_unless_rejected)
    result = run("import_events", path, "--skip-bad-rows")
    assert result.code == 1
    assert "No space left on device" in result.err
    assert everything() == before


def test_no_file_of_bad_rows_stays_when_the_commit_fails(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write(jsonl(event_row(), event_row(id="")))
    commit = transaction.Atomic.__exit__

    def fail(atomic: transaction.Atomic, *exception: object) -> None:
        if (tmp_path / "data.rejected").exists():
            commit(atomic, DatabaseError, DatabaseError(), None)
            raise DatabaseError("the commit failed")
        commit(atomic, *exception)

    monkeypatch.setattr(transaction.Atomic, "__exit__", fail)
    with pytest.raises(DatabaseError):
        import_file(EventImporter, path, skip_bad_rows=True)
    assert [file.name for file in tmp_path.iterdir()] == ["data"]
