"""Long lists page by page, by the key of the last row shown: as fast on the last page as on the first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest

Row = TypeVar("Row", bound=Model)

PAGE_SIZE = 50
# Counting further would cost more than it tells.
MOST_COUNTED = 10_000
_LONGEST_KEY = 36


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows of a list in order of a key; `before` and `after` lead to its neighbours, where there are any."""

    rows: Sequence[Row]
    before: str | None
    after: str | None


def page_of(
    rows: "QuerySet[Row]",
    request: HttpRequest,
    *,
    key: str = "pk",
    first_by: str = "",
    anywhere: "QuerySet[Row] | None" = None,
    newest_first: bool = False,
    parse: Callable[[str], Any] = int,
    size: int = PAGE_SIZE,
) -> Page[Row]:
    """Return the page that the address names with `after` or `before`, else the first.

    `key` is a column that is unique among the rows, `parse` makes its values from text and raises ValueError
    where it cannot. Rows are in order of the column `first_by`, where one is given, and then of the key.
    Where the row of the address stands is looked up in `anywhere`, the whole table if it is not given.
    Raise Http404 for a key that cannot be, and for one that no row has when `first_by` is to be looked up.
    """
    after, before = _given(request, "after", parse), _given(request, "before", parse)
    order = [first_by, key] if first_by else [key]
    anywhere = rows.model._default_manager.all() if anywhere is None else anywhere
    if before is not None:
        # Read backwards from there, then turned around.
        beyond = _beyond(rows, anywhere, order, before, upwards=newest_first)
        found = list(beyond.order_by(*_signed(order, down=not newest_first))[: size + 1])
        more_before, shown = len(found) > size, found[:size][::-1]
        return Page(shown, _key(shown, key, 0) if more_before else None, _key(shown, key, -1))
    if after is not None:
        rows = _beyond(rows, anywhere, order, after, upwards=not newest_first)
    found = list(rows.order_by(*_signed(order, down=newest_first))[: size + 1])
    shown = found[:size]
    return Page(
        shown,
        _key(shown, key, 0) if after is not None else None,
        _key(shown, key, -1) if len(found) > size else None,
    )


def _signed(order: Sequence[str], *, down: bool) -> list[str]:
    return [f"-{column}" if down else column for column in order]


def _beyond(
    rows: "QuerySet[Row]", anywhere: "QuerySet[Row]", order: Sequence[str], value: Any, *, upwards: bool
) -> "QuerySet[Row]":
    """Return the rows that come after the one with this key, in this direction."""
    *first_by, key = order
    way = "gt" if upwards else "lt"
    if not first_by:
        return rows.filter(**{f"{key}__{way}": value})
    column = first_by[0]
    at = anywhere.filter(**{key: value}).values_list(column, flat=True).first()
    if at is None:
        raise Http404("The address names a page that is not there any more.")
    same = Q(**{column: at, f"{key}__{way}": value})
    # The first condition alone is one that an index can be entered by.
    return rows.filter(Q(**{f"{column}__{way}e": at}), Q(**{f"{column}__{way}": at}) | same)


def count_up_to(rows: "QuerySet[Any]", most: int = MOST_COUNTED) -> tuple[int, bool]:
    """Return how many rows there are, and whether there are more than were counted."""
    count = rows.order_by()[: most + 1].count()
    return min(count, most), count > most


def _key(rows: Sequence[Any], key: str, index: int) -> str | None:
    return str(getattr(rows[index], key)) if rows else None


def _given(request: HttpRequest, name: str, parse: Callable[[str], Any]) -> Any:
    text = request.GET.get(name, "")
    if not text:
        return None
    try:
        if len(text) > _LONGEST_KEY:
            raise ValueError
        return parse(text)
    except ValueError:
        raise Http404(f"The address names a page that cannot be: {name} is broken.") from None
