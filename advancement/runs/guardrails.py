"""Guardrails: a plan that moves more than it should waits for a person."""

from collections.abc import Iterable
from decimal import Decimal

from django.conf import settings
from django.db.models import Count

from advancement.models import Run
from advancement.models.runs import RunKind

# Below so many candidates a large share is nothing unusual.
LEAST_CANDIDATES = 100


def limits_exceeded(run: Run, using: str = "default") -> list[str]:
    """Return, as sentences, the guardrails that a run's plan exceeds; none once a person decided about it.

    What is struck out of the plan does not count.
    """
    if run.kind != RunKind.ADVANCEMENT or run.decided_at is not None:
        return []
    moves = run.moves.using(using).filter(struck=False).count() if run.review_revision else run.moves_planned
    return limits_exceeded_by(run, moves, _limited_rules(run, using))


def limits_exceeded_by(run: Run, moves: int, rules: Iterable[tuple[str, int, int | None]]) -> list[str]:
    """Return the guardrails that so many moves of a run exceed, and so many of its rules.

    `rules` are slug, moves and the most moves that the rule's own guardrail allows.
    """
    found = []
    share, most = settings.ADVANCEMENT_MAX_SHARE, settings.ADVANCEMENT_MAX_MOVES
    if run.evaluated >= LEAST_CANDIDATES and moves > Decimal(str(share)) * run.evaluated:
        found.append(
            f"It would move {moves:,} of {run.evaluated:,} candidates, "
            f"more than the share of {share:g} that ADVANCEMENT_MAX_SHARE allows."
        )
    if most is not None and moves > most:
        found.append(
            f"It would move {moves:,} sprouts, more than the {most:,} that ADVANCEMENT_MAX_MOVES allows."
        )
    return found + [
        f"Rule {slug} would move {count:,} sprouts, more than the {limit:,} that its own guardrail allows."
        for slug, count, limit in sorted(rules)
        if limit is not None and count > limit
    ]


def _limited_rules(run: Run, using: str) -> list[tuple[str, int, int | None]]:
    moves = run.moves.using(using).filter(struck=False, rule_version__max_moves__isnull=False).order_by()
    counted = moves.values_list("rule_version__rule", "rule_version__max_moves").annotate(n=Count("position"))
    return [(slug, count, limit) for slug, limit, count in counted]
