"""The figures that decide about the moves of a plan, as they are now."""

from collections.abc import Sequence
from typing import Any

from advancement.evaluation.compile import CompiledRules, with_signals
from advancement.models import Move, RuleVersion, Run


def evidence_now(
    run: Run, moves: Sequence[Move], *, using: str = "default"
) -> dict[int, list[dict[str, Any]]]:
    """Return each move's criteria with the signals as they are now, by position.

    Days in the tier count up to the run's one instant, as they do when the plan is applied. Moves of
    sprouts that are gone are missing.
    """
    versions = RuleVersion.objects.using(using).filter(pk__in={move.rule_version_id for move in moves})
    if run.as_of is None or not versions:
        return {}
    rules = CompiledRules(list(versions.prefetch_related("criteria")), run.as_of, sprout="sprout__")
    shown = Move.objects.using(using).filter(run=run.pk, position__in=[move.position for move in moves])
    rows = with_signals(shown, "sprout__").values_list("position", rules.criteria_met("rule_version"))
    return dict(rows)
