"""The statements of a refresh; the same text on both databases but for the few pieces that say why not.

Parameters are named: `as_of`, `computed_at`, and the bounds that a statement mentions.
"""

from collections.abc import Sequence
from typing import Final

from advancement.aggregation import formulas
from advancement.criteria.signals import Period
from advancement.models.signals import COUNT_COLUMNS

# Events are sorted by sprout, which spills in 4 MB, the default. Compiling the plans does not pay.
TUNE: Final = ("SET LOCAL work_mem = '128MB'", "SET LOCAL jit = off")
# A few sprouts' events lie all over a large table. At 4, the default made for spinning disks, one sprout in a
# hundred is enough for the planner to read all of it instead.
TUNE_INCREMENTAL: Final = "SET LOCAL random_page_cost = 1.1"

CREATE_CANDIDATES: Final = (
    "CREATE TEMP TABLE refresh_candidates AS SELECT sprout_id FROM signal_dirty_sprouts LIMIT 0"
)
READ_DIRTY: Final = "INSERT INTO refresh_candidates SELECT DISTINCT sprout_id FROM signal_dirty_sprouts"
FORGET_DIRTY: Final = "DELETE FROM signal_dirty_sprouts"
# One statement: a row committed between reading and deleting would be lost. Whatever a deleted row stood
# for is committed, so every later statement of this transaction sees its events.
_TAKE_DIRTY: Final = (
    "WITH taken AS (DELETE FROM signal_dirty_sprouts RETURNING sprout_id) "
    "INSERT INTO refresh_candidates SELECT DISTINCT sprout_id FROM taken"
)
ADD_ENTERED: Final = (
    "INSERT INTO refresh_candidates SELECT DISTINCT sprout_id FROM usage_events "
    "WHERE created_at > %(previous)s AND created_at <= %(as_of)s"
)
ADD_LEFT: Final = (
    "INSERT INTO refresh_candidates SELECT DISTINCT sprout_id FROM usage_events "
    "WHERE created_at >= %(previous_start)s AND created_at < %(start)s"
)
ANALYZE_CANDIDATES: Final = "ANALYZE refresh_candidates"
ANALYZE_SCOPE: Final = "ANALYZE refresh_scope"
DROP_CANDIDATES: Final = "DROP TABLE refresh_candidates"
DROP_SCOPE: Final = "DROP TABLE refresh_scope"

_SCOPE: Final = (
    "CREATE TEMP TABLE refresh_scope AS SELECT s.id AS sprout_id, s.lifecycle_model_id, "
    "(SELECT min(e.created_at) FROM usage_events e WHERE e.sprout_id = s.id) <= %(as_of)s AS counted "
    "FROM sprouts s{only}"
)
# `counted` tells whether a sprout has usage events up to as-of; it is null without any usage events, and
# the rows of such a sprout are left alone.
CREATE_FULL_SCOPE: Final = _SCOPE.format(only="")
CREATE_SCOPE: Final = _SCOPE.format(only=" WHERE s.id IN (SELECT sprout_id FROM refresh_candidates)")

# A dirty sprout that is not there was deleted, and its rows with it.
SOME_VANISHED: Final = (
    "SELECT EXISTS (SELECT sprout_id FROM refresh_candidates EXCEPT SELECT sprout_id FROM refresh_scope)"
)
COUNT_SCOPE: Final = "SELECT count(*) FROM refresh_scope WHERE counted"
# Summed as doubles, like the totals of all: the integer sum of SQLite can overflow.
_SUMS: Final = ", ".join(f"coalesce(sum(CAST(a.{c} AS double precision)), 0)" for c in COUNT_COLUMNS)
SUM_SCOPE: Final = (
    f"SELECT r.lifecycle_model_id, {_SUMS} FROM refresh_scope r "
    f"JOIN signal_aggregations a ON a.sprout_id = r.sprout_id AND a.period = '{Period.ALL_TIME.value}' "
    "GROUP BY r.lifecycle_model_id"
)


def take_dirty(vendor: str) -> tuple[str, ...]:
    """Return the statements that move the dirty sprouts into the candidates."""
    # SQLite has no DELETE … RETURNING inside a statement, and needs none: its refresh is the only writer.
    return (_TAKE_DIRTY,) if vendor == "postgresql" else (READ_DIRTY, FORGET_DIRTY)


def remove_rows(periods: Sequence[Period]) -> str:
    """Return the statement that deletes the rows of sprouts in scope whose events are all after as-of."""
    names = ", ".join(f"'{period.value}'" for period in periods)
    return (
        f"DELETE FROM signal_aggregations WHERE period IN ({names}) "
        "AND sprout_id IN (SELECT sprout_id FROM refresh_scope WHERE NOT counted)"
    )


def upsert(periods: Sequence[Period], vendor: str) -> str:
    """Return the statement that computes and stores the periods of every counted sprout in scope.

    It takes a parameter for the start of each period, by the period's name; both ends are inclusive.
    All periods go through one statement, so that the rows of a sprout lie side by side.
    """
    windows = " UNION ALL ".join(f"SELECT '{p.value}' AS period, %({p.value})s AS start" for p in periods)
    events = (
        f"SELECT r.sprout_id, w.period, {_named(formulas.aggregates(vendor))} "
        f"FROM refresh_scope r CROSS JOIN ({windows}) w LEFT JOIN usage_events e "
        "ON e.sprout_id = r.sprout_id AND e.created_at >= w.start AND e.created_at <= %(as_of)s "
        "WHERE r.counted GROUP BY r.sprout_id, w.period"
    )
    ratios = f"SELECT events.*, {_named(formulas.ratios(vendor))} FROM ({events}) events"
    scores = f"SELECT ratios.*, {_named(formulas.scores(vendor))} FROM ({ratios}) ratios"
    columns = ["sprout_id", "period", *formulas.aggregates(vendor), *formulas.scores(vendor)]
    written = [*columns, "advancement_eligible", "computed_at"]
    return (
        f"INSERT INTO signal_aggregations ({', '.join(written)}) "
        f"SELECT {', '.join(columns)}, {formulas.ELIGIBLE}, %(computed_at)s "
        # "WHERE true" keeps SQLite from reading ON CONFLICT as the condition of a join.
        f"FROM ({scores}) scores WHERE true ON CONFLICT (sprout_id, period) DO UPDATE SET "
        + ", ".join(f"{column} = excluded.{column}" for column in written[2:])
    )


def _named(expressions: dict[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in expressions.items())
