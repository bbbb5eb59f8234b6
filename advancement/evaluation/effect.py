"""What one rule would do in the next run, with all others as they stand."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Count

from advancement.database.clock import database_now
from advancement.evaluation.compile import CompiledRules, with_signals
from advancement.evaluation.gate import stopped_rules
from advancement.evaluation.outcomes import BLOCKED, HELD, NO_SIGNALS, outcome
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
