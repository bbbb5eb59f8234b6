"""The figures that decide about the moves of a plan, as they are now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from advancement.evaluation.compile import CompiledRules, with_signals
from advancement.models import Move, RuleVersion, Run


@dataclass(frozen=True)
class Evidence:
    """The sprout of a move as it is now, and the criteria of its rule with the signals as they are now."""

    title: str
    lifecycle_model: str
    criteria: list[dict[str, Any]]


def evidence_now(
    run: Run, moves: Sequence[Move], versions: Sequence[RuleVersion], *, using: str = "default"
) -> dict[int, Evidence]:
    """Return the evidence for moves of an advancement, by position; sprouts that are gone have none.

    `versions` are those that the moves name, with their criteria. Days in the tier count up to the run's
    one instant, as they do when the plan is applied.
    """
    if run.as_of is None or not moves:
        return {}
    rules = CompiledRules(versions, run.as_of, sprout="sprout__")
    shown = Move.objects.using(using).filter(run=run.pk, position__in=[move.position for move in moves])
    rows = with_signals(shown, "sprout__").values_list(
        "position", "sprout__title", "sprout__lifecycle_model", rules.criteria_met("rule_version")
    )
    return {position: Evidence(title, model, criteria) for position, title, model, criteria in rows}
