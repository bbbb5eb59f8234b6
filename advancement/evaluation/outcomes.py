"""The end of a candidate: one expression that puts each into exactly one bucket."""

from datetime import datetime
from typing import Final

from django.db.models import BigIntegerField, Case, Exists, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce
from django.db.models.lookups import IsNull

from advancement.evaluation.compile import CompiledRules
from advancement.evaluation.ruleset import RuleSet
from advancement.models import Hold

# A positive outcome is the id of the winning rule version.
NO_MATCH: Final = 0
INVALID: Final = -1
HELD: Final = -2
NO_SIGNALS: Final = -3
BLOCKED: Final = -4
# Whether a sprout has no row of signals at all, in a queryset that `with_signals` has prepared.
WITHOUT_SIGNALS: Final = Q(all_time__isnull=True, last_30d__isnull=True, last_7d__isnull=True)


def outcome(rules: RuleSet, ladders: dict[str, list[str]], as_of: datetime) -> Case:
    """Return the outcome of a sprout; the buckets are tried in the order of the design."""
    ends = [CompiledRules(rules.live, as_of).winner()]
    if rules.stopped:
        # A sprout that matches stopped rules alone is blocked, whichever of them it is.
        stopped = CompiledRules(rules.stopped, as_of).winner()
        ends.append(Case(When(IsNull(stopped, False), then=Value(BLOCKED)), output_field=BigIntegerField()))
    return Case(
        When(~in_own_ladder(ladders), then=Value(INVALID)),
        When(on_hold(as_of), then=Value(HELD)),
        When(WITHOUT_SIGNALS, then=Value(NO_SIGNALS)),
        default=Coalesce(*ends, Value(NO_MATCH)),
        output_field=BigIntegerField(),
    )


def on_hold(as_of: datetime) -> Exists:
    """Whether a hold keeps automation away from a sprout."""
    return Exists(Hold.objects.in_force(as_of).filter(sprout=OuterRef("pk")))


def in_own_ladder(ladders: dict[str, list[str]]) -> Q:
    """Whether a sprout is in a tier that its lifecycle model has."""
    known = Q(pk__in=[])
    for model, tiers in ladders.items():
        known |= Q(lifecycle_model=model, tier__in=tiers)
    return known
