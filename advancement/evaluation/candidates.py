"""The sprouts that one rule looks at, in the form in which a preview reads them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from advancement.criteria.rules import RuleDefinition
from advancement.criteria.validation import check_rule
from advancement.evaluation.compile import CompiledRule, SignalValues, with_signals
from advancement.models import Sprout
from advancement.rulebook import RulesRefused, lifecycles


@dataclass(frozen=True)
class Candidates:
    """The sprouts of a lifecycle model and tier, with the values that rules test."""

    rows: "QuerySet[Any]"
    values: SignalValues
    key: str = "id"

    def compiled(self, definition: RuleDefinition) -> CompiledRule:
        """Return a rule as expressions over these rows."""
        return CompiledRule(definition, self.values)


def stored_candidates(model: str, tier: str, as_of: datetime, using: str) -> Candidates:
    """Return the sprouts of a model and tier, straight from the tables."""
    sprouts = Sprout.objects.using(using).filter(lifecycle_model=model, tier=tier)
    return Candidates(with_signals(sprouts).order_by(), SignalValues(as_of))


def require_readable(definition: RuleDefinition, using: str) -> None:
    """Raise RulesRefused unless it can be said what meets a rule, saved or not, enabled or not.

    Its model, from tier, logic and criteria must be valid; how it is called and where it leads does not
    matter here.
    """
    problems = check_rule(definition, lifecycles(using))
    if refused := [p for p in problems if p.blocks == "saving" and _matters(p.field)]:
        raise RulesRefused(refused)


def _matters(field: str | None) -> bool:
    return field in {"lifecycle_model", "from_tier", "logic"} or (field or "").startswith("criteria")


def named(
    definition: RuleDefinition, keys: Iterable[Any], as_of: datetime, using: str
) -> dict[Any, tuple[str, list[dict[str, Any]]]]:
    """Return title and evidence of a few sprouts, by id."""
    wanted = set(keys)
    if not wanted:
        return {}
    sprouts = with_signals(Sprout.objects.using(using).filter(pk__in=wanted))
    rule = CompiledRule(definition, SignalValues(as_of))
    rows = sprouts.values_list("id", "title", rule.evidence())
    return {key: (title, evidence) for key, title, evidence in rows}
