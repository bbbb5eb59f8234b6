"""Faults of a file as a whole: refused with a sentence, also with --skip-bad-rows, and nothing is written."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from advancement.importing import EventImporter, SproutImporter
from tests.importing.conftest import MOSS, SPROUT_HEADER, event_row, everything, jsonl, run, sprout_row

Refused = Callable[..., str]
GOOD = jsonl(event_row())
# A row that could be of any kind.
ANY = jsonl({"id": "x"})
ACCENTED = ANY + '{"id": "é"}\n'


def packed(text: str) -> bytes:
    return gzip.compress(text.encode())


def many() -> str:
    return jsonl(*(event_row(id=f"e{number}", sessionId=str(hash(number))) for number in range(2000)))


FAULTS = {
    "an empty file": (b"", "the file is empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "the file is empty"),
    "UTF-16 with its mark": (GOOD.encode("utf-16"), "UTF-16, not UTF-8"),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), "UTF-16, not UTF-8"),
    "UTF-32": (GOOD.encode("utf-32"), "UTF-32, not UTF-8"),
    "cp1252": (ACCENTED.encode("cp1252"), "line 2: byte 9 of the line (0xE9) is not UTF-8"),
    "binary": (ANY.encode() + bytes(range(256)), "binary data"),
    "zeros": (bytes(5000), "binary data"),
    "a spreadsheet": (b"PK\x03\x04....", "ZIP archive or a spreadsheet"),
    "compressed twice": (gzip.compress(packed(GOOD)), "compressed twice"),
    "a truncated gzip": (packed(many())[:-3000], "truncated"),
    "a gzip without its checksum": (packed(GOOD)[:-8], "truncated"),
    "a damaged gzip": (packed(GOOD)[:-8] + bytes(8), "damaged"),
    "a gzip bomb": (packed(("{" + " " * 900_000 + "}\n") * 25), "gzip bomb"),
    "a 100 MB line": (
        packed(GOOD) + gzip.compress(b"x" * 100_000_000),
        "line 2: this record is longer than 1 MiB",
    ),
    "a long line": (ANY + json.dumps({"id": "x" * 2**20}), "line 2: this record is longer than 1 MiB"),
    "a JSON list": ("[" + json.dumps(event_row()) + "]", "JSON list; write one object per line"),
    "CSV for events": ("id,sproutId\n", "write one JSON object per line"),
}


@pytest.mark.parametrize("options", [(), ("--skip-bad-rows",)], ids=["all or nothing", "skipping"])
@pytest.mark.parametrize("fault", FAULTS)
def test_it_refuses(fault: str, options: tuple[str, ...], refused: Refused) -> None:
    content, words = FAULTS[fault]
    message = refused("import_events", content, *options)
    assert words in message
    assert message.startswith("FILE")
    assert message.endswith("Nothing of FILE was kept.")


# Two take their time, and the way of reading is the same for all commands; the third is good for them.
ONLY_ONCE = {"a gzip bomb", "a 100 MB line", "CSV for events"}


@pytest.mark.parametrize("command", ["import_sprouts", "import_signals"])
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in ONLY_ONCE])
def test_the_other_commands_refuse(command: str, fault: str, refused: Refused) -> None:
    content, words = FAULTS[fault]
    message = refused(command, content)
    assert words in message
    assert message.endswith("Nothing of FILE was kept.")


HEADERS = {
    "no header": ("a,b,c,d,e\n1,2,3,4,5\n", "there is no header"),
    "semicolons": ("id;title;tier\n", "separated by semicolons; separate them by commas"),
    "tabs": ("id\ttitle\n", "separated by tabs"),
    "the columns of signals": ("sprout_id,period,view_count\n", "these are signal rows, not sprouts"),
    "two missing columns": (
        "id,title,lifecycle_model\n", 'columns "tier" and "created_at" are missing'
    ),
    "a missing column": ("id,title,lifecycle_model,created_at\n", 'column "tier" is missing'),
    "an unknown column": (
        "id,titel,lifecycle_model,tier,created_at\n",
        'column "titel" is not known; use "id", "title", "lifecycle_model", "tier" or "created_at"',
    ),
    "the nearest column": ("id,titel,lifecycle_model,tier,created_at\n", 'did you mean "title"?'),
    "a column twice": ("id,title,title,lifecycle_model,tier,created_at\n", '"title" is there twice'),
    "blank lines": ("\n\n  \n", "only blank lines"),
    "an open quote in the header": ('id,"title\n', "never closed"),
    "a record of 2 MiB in many lines": (
        SPROUT_HEADER + '"' + ("x" * 1000 + "\n") * 2100 + '"', "line 2: this record is longer than 1 MiB"
    ),
}  # fmt: skip


@pytest.mark.parametrize("options", [(), ("--skip-bad-rows",)], ids=["all or nothing", "skipping"])
@pytest.mark.parametrize("fault", HEADERS)
def test_it_refuses_a_table_with(fault: str, options: tuple[str, ...], refused: Refused) -> None:
    content, words = HEADERS[fault]
    assert words in refused("import_sprouts", content, *options)


SIGNAL_HEADERS = {
    "sprout_id,document_id,period,view_count": "exactly one of sprout_id and document_id",
    "period,view_count": "exactly one of sprout_id and document_id",
    "sprout_id,period": "there is no signal",
    "sprout_id,view_count": 'column "period" is missing',
    "sprout_id,period,views_count": 'did you mean "view_count"?',
}


@pytest.mark.parametrize("header", SIGNAL_HEADERS)
def test_it_refuses_signals_with_the_columns(header: str, refused: Refused) -> None:
    assert SIGNAL_HEADERS[header] in refused("import_signals", header + f"\n{MOSS},all_time,1\n")


@pytest.mark.parametrize(
    ("command", "sample", "words"),
    [
        ("import_sprouts", EventImporter.sample(), "these are usage events, not sprouts"),
        ("import_signals", SproutImporter.sample(), "these are sprouts, not signal rows"),
        ("import_events", jsonl({"sprout_id": MOSS, "period": "all_time"}), "these are signal rows"),
    ],
)
def test_it_says_what_a_file_of_another_kind_is(
    command: str, sample: str, words: str, refused: Refused
) -> None:
    assert words in refused(command, sample)


def test_a_file_of_another_kind_is_refused_once_and_not_row_by_row(refused: Refused) -> None:
    assert refused("import_sprouts", EventImporter.sample() * 3).count("these are usage events") == 1


@pytest.mark.parametrize("command", ["import_sprouts", "import_events", "import_signals"])
def test_it_names_a_missing_file_and_a_directory(command: str, grove: None, tmp_path: Path) -> None:
    before = everything()
    missing, directory = run(command, str(tmp_path / "none.csv")), run(command, str(tmp_path))
    assert (missing.code, directory.code) == (1, 1)
    assert "none.csv: there is no such file" in missing.err
    assert "this is a directory" in directory.err
    assert everything() == before


def test_it_names_an_unreadable_file(grove: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    result = run("import_events", "secret.jsonl")
    assert result.code == 1
    assert "secret.jsonl: it may not be read by this user" in result.err


def test_it_refuses_a_file_that_breaks_off_after_good_rows(refused: Refused) -> None:
    rows = jsonl(*(sprout_row(id=f"0b0f1a52-6a3e-4f2c-9a57-{number:012}") for number in range(5000)))
    assert "truncated" in refused("import_sprouts", packed(rows)[:-100], "--skip-bad-rows")
