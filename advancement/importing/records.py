"""From lines to records: CSV with a header, or JSONL with one object per line."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from advancement.criteria.wording import quoted
from advancement.importing.outcome import BadFile, BadRow
from advancement.importing.reading import MAX_RECORD_BYTES, Source, too_long

_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the line it starts in, its text as it stands there, and its fields or its problem."""

    line: int
    raw: str
    fields: dict[str, Any] | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a file; `header` is the header line of a CSV, as it stands there."""

    items: Iterator[Record]
    header: str = ""


CheckColumns = Callable[[Sequence[str]], None]
CheckKind = Callable[[Iterable[str]], None]


def read_records(
    source: Source, check_columns: CheckColumns, check_kind: CheckKind, *, csv_allowed: bool = True
) -> Records:
    """Return the records of a file, whose first character other than blanks tells the format.

    `check_columns` gets the names of a CSV's header, `check_kind` those of the first JSON object; both raise
    BadRow where they will not do. Raise BadFile for a fault of the file as a whole.
    """
    start = source.head.lstrip()[:1]
    if start == "{":
        return Records(_json_records(source, check_kind))
    if start == "[" and '"criteria"' in source.head:
        raise BadFile("these are rules; import them under Advancement rules, or with import_rules")
    if start == "[":
        raise BadFile("this is a JSON list; write one object per line, without brackets and commas around")
    if not csv_allowed:
        raise BadFile(
            "this is not JSONL; write one JSON object per line. Tables (CSV) are for sprouts and signals"
        )
    return _csv_records(source, check_columns)


def _json_records(source: Source, check_kind: CheckKind) -> Iterator[Record]:
    first = True
    # Built once: json.loads with options would build a decoder for each line.
    decode = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_object).decode
    for line, raw in source.lines():
        if raw.isspace():
            continue
        try:
            fields = decode(raw)
        except BadRow as error:
            yield Record(line, raw, None, str(error))
        except json.JSONDecodeError as error:
            yield Record(line, raw, None, _json_sentence(error))
        except RecursionError:
            yield Record(line, raw, None, "this is nested too deep; write the plain object")
        except ValueError:  # Python refuses integers of thousands of digits
            yield Record(line, raw, None, "a number has too many digits; write a number in range")
        else:
            if isinstance(fields, dict):
                if first:
                    _check_kind(fields, check_kind, line)
                    first = False
                yield Record(line, raw, fields)
            else:
                yield Record(line, raw, None, "this is not a JSON object; write one object per line")


def _check_kind(fields: dict[str, Any], check_kind: CheckKind, line: int) -> None:
    """Refuse the file, and not each of its rows, where the first one is of another kind."""
    try:
        check_kind(fields)
    except BadRow as error:
        raise BadFile(str(error), line) from None


def _json_sentence(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return f"something follows the object, at character {error.pos + 1}; write one object per line"
    return f"this is not valid JSON ({error.msg} at character {error.pos + 1}); mend or remove the line"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRow(f"field {quoted(twice)} is there twice; keep one of them")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise BadRow(f"{name} is not a number that JSON knows; write a finite number or null")


class _CsvLines:
    """Feeds lines to the CSV reader, and keeps those of the present record, of about 1 MiB at most."""

    def __init__(self, source: Source) -> None:
        self._lines = source.lines()
        self.start = 0
        self._held: list[str] = []
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        for line, text in self._lines:
            if self._held:
                self._size += len(text.encode())
                if self._size > MAX_RECORD_BYTES:
                    too_long(self.start)
            else:
                self.start = line
            self._held.append(text)
            yield text

    def take(self) -> str:
        """Return the text of the record that was just read, and begin the next."""
        raw = self._held[0] if len(self._held) == 1 else "".join(self._held)
        self._held.clear()
        self._size = 0
        return raw


def _csv_records(source: Source, check_columns: CheckColumns) -> Records:
    # The module's limit on a field is for all readers of the process; 1 MiB per record is checked here.
    csv.field_size_limit(max(csv.field_size_limit(), 2 * MAX_RECORD_BYTES))
    lines = _CsvLines(source)
    rows = csv.reader(lines, strict=True)
    try:
        names = next(rows)
        while not any(cell.strip() for cell in names):
            lines.take()
            names = next(rows)
    except StopIteration:
        raise BadFile("the file holds only blank lines; export it again") from None
    except csv.Error as error:
        raise BadFile(f"in the header, {_csv_sentence(error)}", lines.start) from None
    header_line, header = lines.start, lines.take()
    if mark := _other_separator(names):
        raise BadFile(f"the columns are separated by {mark}; separate them by commas", header_line)
    try:
        check_columns(names)
    except BadRow as error:
        raise BadFile(str(error), header_line) from None
    return Records(_csv_rows(lines, rows, names), header)


def _csv_rows(lines: _CsvLines, rows: Iterator[list[str]], names: list[str]) -> Iterator[Record]:
    width = len(names)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raw = lines.take()
            yield Record(lines.start, raw, None, _csv_sentence(error))
            continue
        raw = lines.take()
        if len(row) == width:
            yield Record(lines.start, raw, dict(zip(names, row, strict=True)))
        elif len(row) > 1 or (row and row[0].strip()):
            reason = f"{len(row)} values where the header names {width} columns; check commas and quotes"
            yield Record(lines.start, raw, None, reason)


def _csv_sentence(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return "a quote is opened and never closed; close it"
    if "new-line character" in str(error):
        return "a line ends in a carriage return alone; convert line ends to LF or CRLF"
    return f"this is not valid CSV ({error}); check commas and quotes"


def _other_separator(names: list[str]) -> str | None:
    """Return what stands between the columns of a header where no comma does."""
    found = names[0] if len(names) == 1 else ""
    return next((word for mark, word in _SEPARATORS.items() if mark in found), None)
