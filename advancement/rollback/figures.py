"""The figures of a rollback's plan: what it moves where, what was struck out of it, what it leaves alone."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Count, Q

from advancement.models import AdvancementRule, Run
from advancement.remembered import MANY, remembered
from advancement.rollback.rules import rules_rolled_back
from advancement.rollback.scope import events_in_scope


@dataclass(frozen=True)
class Destination:
    """Where sprouts come to stand, and how many; `model` is empty where the slug alone says it."""

    model: str
    tier: str
    sprouts: int


@dataclass(frozen=True)
class Figures:
    """A plan in numbers. A step is one event taken back; a sprout may take several.

    `struck` and `struck_steps` are what a reviewer has struck out; `unwound` are those of `steps` that lie
    outside the scope.
    """

    steps: int
    sprouts: int
    struck_steps: int
    struck: int
    destinations: Sequence[Destination]
    left_out: dict[str, int]
    unwound: int

    @property
    def chosen(self) -> int:
        """How many sprouts would move."""
        return self.sprouts - self.struck

    @property
    def in_scope(self) -> int:
        """How many events the rollback is about, all buckets together."""
        return self.steps - self.unwound + sum(self.left_out.values())


def figures_of(run: Run, *, ambiguous: Collection[str] = (), using: str = "default") -> Figures:
    """Return the figures of a rollback's plan, as it is reviewed at this moment.

    Destinations are told apart by lifecycle model where a tier's slug is `ambiguous`.
    """
    counted, left_out = remembered(
        run, f"counts-{len(ambiguous)}", partial(_counts, run, ambiguous, using), using
    )
    struck = [line for line in counted if line["struck"]]
    return Figures(
        steps=sum(line["steps"] for line in counted),
        sprouts=sum(line["sprouts"] for line in counted),
        struck_steps=sum(line["steps"] for line in struck),
        struck=sum(line["sprouts"] for line in struck),
        destinations=_destinations(counted),
        left_out=left_out,
        unwound=remembered(run, "unwound", partial(_unwound, run, using), using) if run.unwind else 0,
    )


def _counts(
    run: Run, ambiguous: Collection[str], using: str
) -> tuple[list[dict[str, object]], dict[str, int]]:
    """Return how many moves lead from where to where, and how many events each bucket has."""
    moves = run.moves.using(using).order_by()
    groups = ["from_tier", "to_tier", "struck"]
    if ambiguous and moves.filter(to_tier__in=ambiguous).exists():
        groups.append("reverses_event__lifecycle_model_id")
    counted = list(moves.values(*groups).annotate(steps=Count("position"), sprouts=_first_steps()))
    left_out = run.left_out.using(using).order_by().values_list("bucket").annotate(count=Count("id"))
    return counted, dict(left_out.values_list("bucket", "count"))


def _first_steps() -> Count:
    return Count("position", filter=Q(step=1))


def _destinations(counted: Sequence[dict[str, object]]) -> list[Destination]:
    """Return where the chosen sprouts end, the most first: a later step leads on from where one had led."""
    ending: Counter[tuple[str, str]] = Counter()
    for line in counted:
        if line["struck"]:
            continue
        model = str(line.get("reverses_event__lifecycle_model_id", ""))
        steps, sprouts = int(str(line["steps"])), int(str(line["sprouts"]))
        ending[model, str(line["to_tier"])] += steps
        ending[model, str(line["from_tier"])] -= steps - sprouts
    return [Destination(model, tier, number) for (model, tier), number in ending.most_common() if number]


def rules_to_disable(run: Run, *, using: str = "default") -> list[AdvancementRule]:
    """Return the rules that a rollback can be asked to disable, read with the versions that name them.

    That is the rule in its scope, or without one every rule whose advancements its plan takes back.
    """
    slugs: Any = [run.scope_rule_id]
    if not run.scope_rule_id:
        named = run.moves.using(using).filter(struck=False).order_by().values("reverses_event__rule_id")
        many = run.moves_planned >= MANY
        slugs = remembered(run, "rules", partial(rules_rolled_back, run, using), using) if many else named
    rules = AdvancementRule.objects.using(using).filter(pk__in=slugs).order_by("pk")
    return list(rules.select_related("active_version", "draft_version"))


def _unwound(run: Run, using: str) -> int:
    moves = run.moves.using(using).order_by()
    within = events_in_scope(run, using).filter(pk__in=moves.values("reverses_event"))
    return moves.count() - within.count()
