"""Guardrails: a plan that moves more than it should waits for a person."""

from collections.abc import Iterable
from decimal import Decimal

from django.conf import settings
from django.db.models import Count

from advancement.criteria.wording import isolated, percent_words
from advancement.models import Run
from advancement.models.runs import RunKind

# Below so many candidates a large share is nothing unusual.
LEAST_CANDIDATES = 100

LimitedRule = tuple[str, str, int, int | None]


def limits_exceeded(run: Run, using: str = "default") -> list[str]:
    """Return, as sentences, the guardrails that a run's plan exceeds; none once a person decided about it.

    What is struck out of the plan does not count.
    """
    if run.kind != RunKind.ADVANCEMENT or run.decided_at is not None:
        return []
    moves = run.moves.using(using).filter(struck=False).count() if run.review_revision else run.moves_planned
    return limits_exceeded_by(run, moves, _limited_rules(run, using))


def limits_exceeded_by(run: Run, moves: int, rules: Iterable[LimitedRule]) -> list[str]:
    """Return the guardrails that so many moves of a run exceed, and so many of its rules.

    `rules` are slug, title, moves and the most moves that the rule's own guardrail allows.
    """
    found = []
    share, most = settings.ADVANCEMENT_MAX_SHARE, settings.ADVANCEMENT_MAX_MOVES
    if share_exceeded(moves, run.evaluated):
        found.append(
            f"It would move {moves:,} of {run.evaluated:,} candidates, "
            f"more than the {percent_words(share)} that ADVANCEMENT_MAX_SHARE allows."
        )
    if most is not None and moves > most:
        found.append(
            f"It would move {moves:,} sprouts, more than the {most:,} that ADVANCEMENT_MAX_MOVES allows."
        )
    return found + [
        f"Rule “{isolated(title)}” ({slug}) would move {count:,} sprouts, "
        f"more than the {limit:,} that its own guardrail allows."
        for slug, title, count, limit in sorted(rules)
        if limit is not None and count > limit
    ]


def share_exceeded(moves: int, candidates: int) -> bool:
    """Whether so many moves are a larger share of the candidates than ADVANCEMENT_MAX_SHARE allows."""
    if candidates < LEAST_CANDIDATES:
        return False
    return moves > Decimal(str(settings.ADVANCEMENT_MAX_SHARE)) * candidates


def _limited_rules(run: Run, using: str) -> list[LimitedRule]:
    moves = run.moves.using(using).filter(struck=False, rule_version__max_moves__isnull=False).order_by()
    version = ("rule_version__rule", "rule_version__title", "rule_version__max_moves")
    counted = moves.values_list(*version).annotate(n=Count("position"))
    return [(slug, title, count, limit) for slug, title, limit, count in counted]
