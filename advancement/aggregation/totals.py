"""All-time totals by lifecycle model, moved on by a difference so that a small refresh stays cheap."""

from collections.abc import Iterable, Sequence
from typing import Any

from advancement.models.signals import COUNT_COLUMNS

# {lifecycle model: {count column of signal_aggregations: total}}
Totals = dict[str, dict[str, int]]


def totals_of_scope(rows: Iterable[Sequence[Any]]) -> Totals:
    """Return the totals from rows of a lifecycle model and its sums in the order of COUNT_COLUMNS."""
    return {model: dict(zip(COUNT_COLUMNS, map(int, sums), strict=True)) for model, *sums in rows}


def shifted_totals(known: Totals, before: Totals, after: Totals) -> Totals:
    """Return `known` with the sums of some sprouts as they were replaced by the sums as they are.

    A model without any count is absent, whether or not it has rows.
    """
    shifted = {model: dict(columns) for model, columns in known.items()}
    for sums, sign in ((before, -1), (after, 1)):
        for model, columns in sums.items():
            of_model = shifted.setdefault(model, dict.fromkeys(COUNT_COLUMNS, 0))
            for column, value in columns.items():
                # A column that was null everywhere has no total yet.
                of_model[column] = (of_model.get(column) or 0) + sign * value
    return {model: columns for model, columns in shifted.items() if any(columns.values())}
