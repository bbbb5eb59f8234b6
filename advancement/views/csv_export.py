"""Lists as CSV, streamed; cells that a spreadsheet would take for a formula are defused."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from django.db.models import Model, QuerySet
from django.http import StreamingHttpResponse

Row = TypeVar("Row", bound=Model)

# What spreadsheets take for the start of a formula, some of them after blanks or in full width.
_FORMULA: Final = re.compile(r"[\t\r\n]|[\s\u200b\u2060\ufeff]*[=+\-@＝＋－＠]")


class _Echo:
    """A file that hands each line straight on."""

    def write(self, line: str) -> str:
        return line


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """Return a download of the rows as UTF-8 with a BOM, by which spreadsheets know it."""
    response = StreamingHttpResponse(_lines(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def in_chunks(rows: "QuerySet[Row]", *, key: str = "pk", size: int = 2_000) -> Iterator[Row]:
    """Yield rows in order of a unique key, a few thousand at a time, so that memory stays flat."""
    last: Any = None
    while True:
        rest = rows if last is None else rows.filter(**{f"{key}__gt": last})
        chunk = list(rest.order_by(key)[:size])
        yield from chunk
        if len(chunk) < size:
            return
        last = getattr(chunk[-1], key)


def _lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(header)
    for row in rows:
        yield writer.writerow([defused(value) for value in row])


def defused(value: Any) -> Any:
    """Return a cell that is shown as it is: text that looks like a formula gets an apostrophe before it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value
