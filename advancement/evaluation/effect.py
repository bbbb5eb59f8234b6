"""What one rule, or the rules of a file, would do in the next run, with all others as they stand."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Count, Q

from advancement.criteria.rules import RuleDefinition
from advancement.database.clock import database_now
from advancement.evaluation.compile import CompiledRules, ProposedRule, with_signals
from advancement.evaluation.gate import stopped_rules
from advancement.evaluation.outcomes import BLOCKED, HELD, NO_SIGNALS, WITHOUT_SIGNALS, on_hold, outcome
from advancement.evaluation.ruleset import load_rule_set
from advancement.models import RuleVersion, Sprout
from advancement.rulebook.reading import lifecycles


@dataclass(frozen=True)
class Effect:
    """Where the matches of a rule would end in a run now; `taken` are those that an earlier rule moves.

    The figures from `moves` to `taken` add up to `matches`. `stopped` is why the signal gate stops the
    rule, or empty.
    """

    candidates: int
    moves: int
    held: int
    no_signals: int
    blocked: int
    taken: dict[str, int] = field(default_factory=dict)
    stopped: str = ""
    as_of: datetime | None = None

    @property
    def matches(self) -> int:
        """How many sprouts meet its criteria."""
        return self.moves + self.held + self.no_signals + self.blocked + sum(self.taken.values())


def effect_of(version: RuleVersion, *, using: str = "default") -> Effect:
    """Judge the sprouts of a version's tier as a run would if it were in use; the version must be valid."""
    as_of = database_now(using)
    ladders = lifecycles(using)
    rules = load_rule_set(ladders, as_of, using)
    live = [other for other in rules.live if other.rule_id != version.rule_id]
    stopped = [other for other in rules.stopped if other.rule_id != version.rule_id]
    reason = stopped_rules([version.definition], as_of, using).get(version.rule_id, "")
    slugs = {other.pk: other.rule_id for other in live}
    (stopped if reason else live).append(version)
    tier = Sprout.objects.using(using).filter(
        lifecycle_model=version.lifecycle_model_id, tier=version.from_tier
    )
    ends = dict(
        with_signals(tier)
        .annotate(end=outcome(replace(rules, live=live, stopped=stopped), ladders, as_of))
        .filter(CompiledRules([version], as_of).matches(version))
        .order_by()
        .values("end")
        .annotate(sprouts=Count("pk"))
        .values_list("end", "sprouts")
    )
    return Effect(
        candidates=tier.count(),
        moves=ends.get(version.pk, 0),
        held=ends.get(HELD, 0),
        no_signals=ends.get(NO_SIGNALS, 0),
        blocked=ends.get(BLOCKED, 0),
        taken={slugs[end]: sprouts for end, sprouts in ends.items() if end in slugs},
        stopped=reason,
        as_of=as_of,
    )


@dataclass(frozen=True)
class Moves:
    """How many sprouts a run would move by a rule; `stopped` is why the signal gate stops it, or empty."""

    count: int = 0
    stopped: str = ""


def moves_with(definitions: Sequence[RuleDefinition], *, using: str = "default") -> dict[str, Moves]:
    """Return what a run would move now by each of these rules that is on, were all of them in use.

    They take the place of what is stored under their slugs, and must be valid. One statement reads their
    tiers.
    """
    on = [definition for definition in definitions if definition.enabled]
    if not on:
        return {}
    as_of = database_now(using)
    named = {definition.slug for definition in definitions}
    rules = load_rule_set(lifecycles(using), as_of, using)
    stopped = stopped_rules(on, as_of, using)
    proposed = [
        ProposedRule(-number, definition)
        for number, definition in enumerate(on, 1)
        if definition.slug not in stopped
    ]
    live = [version for version in rules.live if version.rule_id not in named]
    scope = Q(pk__in=[])
    for model, tier in {(rule.lifecycle_model_id, rule.from_tier) for rule in proposed}:
        scope |= Q(lifecycle_model=model, tier=tier)
    wins = dict(
        with_signals(Sprout.objects.using(using).filter(scope))
        .exclude(on_hold(as_of) | WITHOUT_SIGNALS)
        .annotate(winner=CompiledRules([*live, *proposed], as_of).winner())
        .order_by()
        .values("winner")
        .annotate(sprouts=Count("pk"))
        .values_list("winner", "sprouts")
    )
    found = {rule.rule_id: Moves(wins.get(rule.pk, 0)) for rule in proposed}
    return found | {slug: Moves(stopped=reason) for slug, reason in stopped.items()}
