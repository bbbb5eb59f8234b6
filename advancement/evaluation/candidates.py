"""The sprouts that one rule looks at, in the form in which a preview reads them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from advancement.criteria.rules import Lifecycles, RuleDefinition
from advancement.criteria.validation import Problem, check_rule
from advancement.database.sampling import sampled
from advancement.evaluation.compile import CompiledRule, SignalValues, with_signals
from advancement.evaluation.outcomes import WITHOUT_SIGNALS, on_hold
from advancement.models import Sprout
from advancement.rulebook.errors import RulesRefused

# A lifecycle model and one of its tiers.
Place = tuple[str, str]


@dataclass(frozen=True)
class Candidates:
    """The sprouts of a lifecycle model and tier, with the values that rules test.

    `held` says whether a row's sprout is on hold, `bare` whether it has no signals at all, and `key` names
    its id. `total` is how many there are where the rows are a sample of them, else None.
    """

    rows: "QuerySet[Any]"
    values: SignalValues
    held: Q
    bare: Q = WITHOUT_SIGNALS
    key: str = "id"
    total: int | None = None

    @property
    def exact(self) -> bool:
        """Whether these are all candidates."""
        return self.total is None

    def compiled(self, definition: RuleDefinition) -> CompiledRule:
        """Return a rule as expressions over these rows."""
        return CompiledRule(definition, self.values)

    def staying(self, rule: CompiledRule) -> dict[str, Q]:
        """Return which of a rule's matches a run would leave where they are: in the order of its buckets."""
        staying = {"held": rule.matches() & self.held}
        if rule.met_without_signals():
            staying["no_signals"] = rule.matches() & self.bare & ~self.held
        return staying

    def extrapolated(self, number: int, of: int) -> int:
        """Return how many of all candidates a number of these rows stands for; `of` is how many rows."""
        return number if self.total is None else round(self.total * number / max(of, 1))


def place_of(definition: RuleDefinition) -> Place:
    """Return the lifecycle model and the tier that a rule looks at."""
    return definition.lifecycle_model, definition.from_tier


def stored_candidates(place: Place, as_of: datetime, using: str) -> Candidates:
    """Return the sprouts of a model and tier, straight from the tables."""
    rows = with_signals(sprouts_in(place, using)).order_by()
    return Candidates(rows, SignalValues(as_of), held=Q(on_hold(as_of)))


def sampled_candidates(place: Place, as_of: datetime, size: int, total: int, using: str) -> Candidates:
    """Return about `size` of the sprouts of a model and tier, of which there are `total`; PostgreSQL only."""
    rows = with_signals(sampled(sprouts_in(place, using), size / total)).order_by()
    return Candidates(rows, SignalValues(as_of), held=Q(on_hold(as_of)), total=total)


def sprouts_in(place: Place, using: str) -> "QuerySet[Sprout]":
    """Return the sprouts of a lifecycle model and tier."""
    model, tier = place
    return Sprout.objects.using(using).filter(lifecycle_model=model, tier=tier)


def require_readable(definition: RuleDefinition, ladders: Lifecycles) -> None:
    """Raise RulesRefused unless it can be said what meets a rule, saved or not, enabled or not.

    Its model, from tier, logic and criteria must be valid; how it is called and where it leads does not
    matter here.
    """
    if problems := _unreadable(definition, ladders):
        raise RulesRefused(problems)


def is_readable(definition: RuleDefinition, ladders: Lifecycles) -> bool:
    """Say whether it can be said what meets a rule; see `require_readable`."""
    return not _unreadable(definition, ladders)


def _unreadable(definition: RuleDefinition, ladders: Lifecycles) -> list[Problem]:
    problems = check_rule(definition, ladders)
    return [problem for problem in problems if problem.blocks == "saving" and _matters(problem.field or "")]


def _matters(field: str) -> bool:
    return field in {"lifecycle_model", "from_tier", "logic"} or field.startswith("criteria")


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
