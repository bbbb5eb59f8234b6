"""Guardrails: a plan that moves more than it should waits for a person."""

from collections.abc import Iterator
from decimal import Decimal

from django.conf import settings
from django.db.models import Count, F

from advancement.models import Run
from advancement.models.runs import RunKind

# Below so many candidates a large share is nothing unusual.
LEAST_CANDIDATES = 100


def limits_exceeded(run: Run, using: str = "default") -> list[str]:
    """Return, as sentences, the guardrails that a run's plan exceeds; none once a person decided about it."""
    if run.kind != RunKind.ADVANCEMENT or run.decided_at is not None:
        return []
    found = []
    share, most = settings.ADVANCEMENT_MAX_SHARE, settings.ADVANCEMENT_MAX_MOVES
    moves = run.moves.using(using).filter(struck=False).count() if run.review_revision else run.moves_planned
    if run.evaluated >= LEAST_CANDIDATES and moves > Decimal(str(share)) * run.evaluated:
        found.append(
            f"It would move {moves:,} of {run.evaluated:,} candidates, "
            f"more than the share of {share:g} that ADVANCEMENT_MAX_SHARE allows."
        )
    if most is not None and moves > most:
        found.append(
            f"It would move {moves:,} sprouts, more than the {most:,} that ADVANCEMENT_MAX_MOVES allows."
        )
    return found + list(_limits_of_rules(run, using))


def _limits_of_rules(run: Run, using: str) -> Iterator[str]:
    moves = run.moves.using(using).filter(struck=False).order_by()
    limited = moves.values("rule_version__rule", "rule_version__max_moves").annotate(count=Count("position"))
    for line in limited.filter(count__gt=F("rule_version__max_moves")).order_by("rule_version__rule"):
        yield (
            f"Rule {line['rule_version__rule']} would move {line['count']:,} sprouts, "
            f"more than the {line['rule_version__max_moves']:,} that its own guardrail allows."
        )
