"""Random small groves: rules, sprouts with signals and holds, and signals that have collapsed."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st

from advancement.criteria.rules import CriterionDefinition, Operator, RuleDefinition
from advancement.criteria.signals import SIGNALS, Period, Unit
from advancement.database.clock import database_now
from advancement.holds import release_hold, set_hold
from advancement.models import Hold, Sprout
from tests.criteria.cast import make_rule
from tests.factories import CREATED, add_model, make_signals, make_sprout, refreshed

# The second model has tiers of the same names, in another order.
LADDERS: Final = {
    "botanical": ("seed", "sprout", "sapling", "tree", "grove"),
    "academic": ("sprout", "draft", "seed"),
}
TIERS: Final = ("seed", "sprout", "sapling", "tree", "draft")
NAMES: Final = [name for name in SIGNALS if name != "daysInTier"]
COUNTS: Final = [name for name in NAMES if SIGNALS[name].unit is Unit.COUNT]
HOLDS: Final = ("none", "none", "in force", "until tomorrow", "past", "released")

Rows = dict[str, dict[str, float | None]]


@dataclass
class Planted:
    """One sprout as drawn: its signals by period, and its hold."""

    model: str
    tier: str
    rows: Rows
    hold: str

    @property
    def held(self) -> bool:
        """Whether its hold keeps automation away."""
        return self.hold in {"in force", "until tomorrow"}


@dataclass
class Grove:
    """A grove as drawn; `collapsed` are the signals that fell, by lifecycle model."""

    rules: list[RuleDefinition]
    sprouts: list[Planted]
    collapsed: set[tuple[str, str]]
    days: int
    cast: dict[Any, Planted] = field(default_factory=dict)

    def stopped(self, rules: list[RuleDefinition]) -> set[str]:
        """Return the slugs of the rules that use a signal that fell."""
        return {r.slug for r in rules for c in r.criteria if (r.lifecycle_model, c.signal) in self.collapsed}

    def plant(self) -> None:
        """Save the sprouts, their signals and holds, and the two refreshes between which signals fell."""
        totals: dict[str, dict[str, int]] = {model: {} for model in LADDERS}
        for model, name in self.collapsed:
            totals[model][str(SIGNALS[name].column)] = 1000
        refreshed(totals)
        refreshed({})
        add_model("academic", *LADDERS["academic"])
        since = CREATED + timedelta(days=self.days)
        for planted in self.sprouts:
            sprout = make_sprout(planted.tier, lifecycle_model_id=planted.model, tier_updated_at=since)
            for period, row in planted.rows.items():
                make_signals(sprout, period, **row)
            _hold(sprout, planted.hold)
            self.cast[sprout.pk] = planted


def _hold(sprout: Sprout, kind: str) -> None:
    if kind == "none":
        return
    tomorrow = database_now() + timedelta(days=1)
    hold = set_hold(sprout.pk, reason="wait", by="operator", until=None if kind == "in force" else tomorrow)
    if kind == "past":
        Hold.objects.filter(pk=hold.pk).update(until=CREATED)
    if kind == "released":
        release_hold(hold, by="operator")


def values_of(name: str) -> st.SearchStrategy[float | None]:
    """Draw a value of a signal, or none."""
    if SIGNALS[name].unit is Unit.SCORE:
        return st.none() | st.integers(0, 8).map(lambda n: n / 8)
    return st.none() | st.integers(0, 4)


@st.composite
def aggregations(draw: st.DrawFn) -> Rows:
    """Draw the rows of one sprout, by period; a period without a row is absent."""
    periods = draw(st.sets(st.sampled_from(list(Period))))
    return {period: {name: draw(values_of(name)) for name in NAMES} for period in sorted(periods)}


@st.composite
def criteria(draw: st.DrawFn) -> CriterionDefinition:
    """Draw a criterion on any signal."""
    name = draw(st.sampled_from([*NAMES, "daysInTier"]))
    eighths = st.integers(0, 8).map(lambda n: n / 8)
    threshold = draw(eighths if SIGNALS[name].high == 1 else st.integers(0, 4))
    operator = draw(st.sampled_from(list(Operator)))
    return CriterionDefinition(name, operator, float(threshold), draw(st.sampled_from(list(Period))))


@st.composite
def rules(draw: st.DrawFn, number: int) -> RuleDefinition:
    """Draw a rule of one of the models that leads up; one of four is disabled."""
    model = draw(st.sampled_from(["botanical", "botanical", "academic"]))
    ladder = LADDERS[model]
    start = draw(st.integers(0, len(ladder) - 2))
    return make_rule(
        *draw(st.lists(criteria(), min_size=1, max_size=3)),
        slug=f"rule-{number}",
        lifecycle_model=model,
        from_tier=ladder[start],
        to_tier=draw(st.sampled_from(ladder[start + 1 :])),
        logic=draw(st.sampled_from(["AND", "OR"])),
        enabled=draw(st.sampled_from([True, True, True, False])),
        priority=draw(st.integers(1, 2)),
    )


@st.composite
def sprouts(draw: st.DrawFn) -> Planted:
    """Draw a sprout, perhaps in a tier that its model does not have."""
    model = draw(st.sampled_from(["botanical", "botanical", "academic"]))
    tier = draw(st.sampled_from([*LADDERS[model][:-1], "shrub"]))
    return Planted(model, tier, draw(aggregations()), draw(st.sampled_from(HOLDS)))


@st.composite
def groves(draw: st.DrawFn) -> Grove:
    """Draw a grove."""
    drawn = [draw(rules(number)) for number in range(draw(st.integers(0, 5)))]
    tested = sorted({(r.lifecycle_model, c.signal) for r in drawn for c in r.criteria if c.signal in COUNTS})
    collapsed = draw(st.sets(st.sampled_from(tested), max_size=2)) if tested else set()
    planted = draw(st.lists(sprouts(), min_size=1, max_size=6))
    return Grove(drawn, planted, collapsed, days=draw(st.integers(0, 4)))
