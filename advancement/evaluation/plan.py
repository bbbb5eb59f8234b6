"""Make a run's plan: every candidate judged in one statement, its moves and left-outs stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q, QuerySet

from advancement.criteria.errors import LeaseLost
from advancement.database.clock import database_now
from advancement.database.limits import limit_idling
from advancement.database.statements import Fragment
from advancement.evaluation.compile import with_signals
from advancement.evaluation.outcomes import (
    BLOCKED,
    HELD,
    INVALID,
    NO_MATCH,
    NO_SIGNALS,
    in_own_ladder,
    outcome,
)
from advancement.evaluation.ruleset import RuleSet, as_lines, load_rule_set
from advancement.models import Hold, Run, Sprout
from advancement.models.runs import RunStatus
from advancement.rulebook.reading import lifecycles

_OUTCOMES = "plan_outcomes"


@dataclass(frozen=True)
class Scope:
    """What a run looks at: tiers, and one lifecycle model or all of them."""

    from_tiers: tuple[str, ...]
    lifecycle_model: str | None = None


def candidates(scope: Scope, ladders: dict[str, list[str]]) -> "QuerySet[Sprout]":
    """Return the sprouts in the scope's tiers, and those in a tier that their model does not have."""
    sprouts = Sprout.objects.all()
    if scope.lifecycle_model:
        sprouts = sprouts.filter(lifecycle_model=scope.lifecycle_model)
    return sprouts.filter(Q(tier__in=scope.from_tiers) | ~in_own_ladder(ladders))


def judged(
    scope: Scope, rules: RuleSet, ladders: dict[str, list[str]], as_of: datetime
) -> "QuerySet[Sprout, Any]":
    """Return id, revision, tier and outcome of the candidates; buckets are tried in the design's order."""
    sprouts = with_signals(candidates(scope, ladders)).annotate(outcome=outcome(rules, ladders, as_of))
    return sprouts.values_list("id", "revision", "tier", "outcome")


def make_plan(run: Run, token: int, *, using: str = "default") -> None:
    """Judge the run's candidates and store its plan; the run becomes `planned`.

    Everything is read from one snapshot. Raise LeaseLost when `token` is no longer the run's.
    """
    outermost = not connections[using].in_atomic_block
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        prepare_planning(cursor, using, outermost=outermost)
        as_of = database_now(using)
        ladders = lifecycles(using)
        rules = load_rule_set(ladders, as_of, using, since=run.created_at)
        scope = Scope(tuple(run.from_tiers), run.scope_model_id or None)
        _store_outcomes(cursor, judged(scope, rules, ladders, as_of), using)
        moves = _store_moves(cursor, run, using)
        _store_left_out(cursor, run, as_of, using)
        counts = _count_outcomes(cursor)
        _drop_outcomes(cursor)
        publish_plan(run, token, as_of, _figures(run, moves, counts, rules), using)


def prepare_planning(cursor: CursorWrapper, using: str, *, outermost: bool) -> None:
    """Give a transaction that plans one snapshot of everything, and room to sort."""
    if connections[using].vendor != "postgresql":
        return
    if outermost:  # the level can only be set before a transaction's first query
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '128MB'")
    # The keys of its uncommitted moves would keep whoever takes the run over waiting.
    limit_idling(using)


def _store_outcomes(cursor: CursorWrapper, sprouts: "QuerySet[Sprout, Any]", using: str) -> None:
    # On SQLite the order of the table is the better order of the moves, on PostgreSQL that of the keys.
    fragment = Fragment.of(sprouts, using)
    _drop_outcomes(cursor)
    cursor.execute(
        f"CREATE TEMPORARY TABLE {_OUTCOMES} AS "
        f"SELECT id AS sprout_id, revision, tier, outcome FROM ({fragment.sql}) AS judged",
        fragment.constants,
    )


def _drop_outcomes(cursor: CursorWrapper) -> None:
    cursor.execute(f"DROP TABLE IF EXISTS {_OUTCOMES}")


def _store_moves(cursor: CursorWrapper, run: Run, using: str) -> int:
    order = "ORDER BY sprout_id" if connections[using].vendor == "postgresql" else ""
    cursor.execute(
        f"""
        INSERT INTO advancement_moves
            (run_id, position, sprout_id, step, sprout_revision, from_tier, to_tier, rule_version_id)
        SELECT %s, ROW_NUMBER() OVER ({order}), o.sprout_id, 1, o.revision, o.tier, v.to_tier, v.id
        FROM {_OUTCOMES} AS o JOIN rule_versions AS v ON v.id = o.outcome
        WHERE o.outcome > 0
        """,
        [run.pk],
    )
    return int(cursor.rowcount)


def _store_left_out(cursor: CursorWrapper, run: Run, as_of: datetime, using: str) -> None:
    holds = Fragment.of(Hold.objects.in_force(as_of).values_list("sprout_id", "id"), using, prefix="hold")
    cursor.execute(
        f"""
        INSERT INTO advancement_left_out (run_id, sprout_id, bucket, reason)
        SELECT %(run)s, o.sprout_id, 'invalid',
            'Its tier ' || o.tier || ' does not exist in its lifecycle model.'
        FROM {_OUTCOMES} AS o WHERE o.outcome = %(invalid)s
        UNION ALL
        SELECT %(run)s, o.sprout_id, 'blocked', 'It matches only rules that the signal gate stopped.'
        FROM {_OUTCOMES} AS o WHERE o.outcome = %(blocked)s
        UNION ALL
        SELECT %(run)s, o.sprout_id, 'held', 'On hold: ' || h.reason
        FROM {_OUTCOMES} AS o
        JOIN (SELECT sprout_id, MAX(id) AS id FROM ({holds.sql}) AS active GROUP BY sprout_id) AS last
            ON last.sprout_id = o.sprout_id
        JOIN advancement_holds AS h ON h.id = last.id
        WHERE o.outcome = %(held)s
        """,
        {**holds.constants, "run": run.pk, "invalid": INVALID, "held": HELD, "blocked": BLOCKED},
    )


def _count_outcomes(cursor: CursorWrapper) -> dict[int, int]:
    cursor.execute(f"SELECT outcome, COUNT(*) FROM {_OUTCOMES} GROUP BY outcome")
    return dict(cursor.fetchall())


def _figures(run: Run, moves: int, counts: dict[int, int], rules: RuleSet) -> dict[str, Any]:
    return {
        "moves_planned": moves,
        "evaluated": sum(counts.values()),
        "no_match": counts.get(NO_MATCH, 0),
        "no_signals": counts.get(NO_SIGNALS, 0),
        "held": counts.get(HELD, 0),
        "invalid": counts.get(INVALID, 0),
        "blocked": counts.get(BLOCKED, 0),
        "invalid_rules": as_lines(rules.invalid_reasons),
        "stopped_rules": as_lines(rules.stopped_in(run.from_tiers, run.scope_model_id)),
    }


def publish_plan(run: Run, token: int, as_of: datetime, figures: Mapping[str, Any], using: str) -> None:
    """Make a run whose moves are stored `planned`; raise LeaseLost when `token` is no longer the run's."""
    mine = Run.objects.using(using).filter(pk=run.pk, lease_token=token, status=RunStatus.PLANNING)
    published = mine.update(
        status=RunStatus.PLANNED, as_of=as_of, planned_at=database_now(using), cursor=0, **figures
    )
    if published != 1:
        raise LeaseLost
