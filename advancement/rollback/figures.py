"""The figures of a rollback's plan: what it moves where, what was struck out of it, what it leaves alone."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.core.cache import cache
from django.db.models import Count, Q

from advancement.models import Run
from advancement.rollback.rules import rules_rolled_back
from advancement.rollback.scope import events_in_scope

# From so many moves on, what takes a look at each of their events is remembered: a plan does not change.
_MANY: Final = 2_000
_REMEMBERED: Final = timedelta(hours=12)


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
    outside the scope. `rules` are those that the rollback can be asked to disable.
    """

    steps: int
    sprouts: int
    struck_steps: int
    struck: int
    destinations: Sequence[Destination]
    left_out: dict[str, int]
    unwound: int
    rules: Sequence[str]

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
    moves = run.moves.using(using).order_by()
    groups = ["from_tier", "to_tier", "struck"]
    if ambiguous and moves.filter(to_tier__in=ambiguous).exists():
        groups.append("reverses_event__lifecycle_model_id")
    counted = list(moves.values(*groups).annotate(steps=Count("position"), sprouts=_first_steps()))
    struck = [line for line in counted if line["struck"]]
    left_out = run.left_out.using(using).order_by().values_list("bucket").annotate(count=Count("id"))
    unwound, rules = _of_events(run, using)
    return Figures(
        steps=sum(line["steps"] for line in counted),
        sprouts=sum(line["sprouts"] for line in counted),
        struck_steps=sum(line["steps"] for line in struck),
        struck=sum(line["sprouts"] for line in struck),
        destinations=_destinations(counted),
        left_out=dict(left_out.values_list("bucket", "count")),
        unwound=unwound,
        rules=rules,
    )


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


def _of_events(run: Run, using: str) -> tuple[int, list[str]]:
    """Return how many moves lie outside the scope, and which rules are rolled back."""
    if run.moves_planned < _MANY or (run.scope_rule_id and not run.unwind):
        return _unwound(run, using), _rules(run, using)
    key = f"rollback-figures-{using}-{run.pk}-{run.digest}-{run.review_revision}"
    known: tuple[int, list[str]] | None = cache.get(key)
    if known is None:
        known = _unwound(run, using), _rules(run, using)
        cache.set(key, known, _REMEMBERED.total_seconds())
    return known


def _rules(run: Run, using: str) -> list[str]:
    """Return the rules that the rollback can be asked to disable."""
    return [run.scope_rule_id] if run.scope_rule_id else rules_rolled_back(run, using)


def _unwound(run: Run, using: str) -> int:
    if not run.unwind:
        return 0
    moves = run.moves.using(using).order_by()
    within = events_in_scope(run, using).filter(pk__in=moves.values("reverses_event"))
    return moves.count() - within.count()
