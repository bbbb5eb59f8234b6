"""Random small rules on a grid fine enough that trying every point of it is a proof."""

from collections.abc import Iterator
from itertools import product

from hypothesis import strategies as st

from advancement.criteria.intervals import key_of
from advancement.criteria.rules import CriterionDefinition, Operator, RuleDefinition
from tests.criteria.cast import make_rule
from tests.oracle import Values

# Thresholds of each signal, and values that include each of them and one between any two.
THRESHOLDS: dict[str, list[float]] = {
    "citations": [0, 0.5, 1, 1.5, 2, 3],
    "queryDiversity": [0, 0.25, 0.5, 1],
    "daysInTier": [0, 0.5, 1],
}
POINTS: dict[str, list[float | None]] = {
    "citations": [None, 0, 1, 2, 3, 4],
    "queryDiversity": [None, 0, 0.125, 0.25, 0.375, 0.5, 0.75, 1],
    "daysInTier": [None, 0, 0.25, 0.5, 0.75, 1, 2],
}


@st.composite
def criteria(draw: st.DrawFn, signals: tuple[str, ...] = tuple(THRESHOLDS)) -> CriterionDefinition:
    """Draw a valid criterion on one of the signals."""
    signal = draw(st.sampled_from(signals))
    operator = draw(st.sampled_from(list(Operator)))
    threshold = draw(st.sampled_from(THRESHOLDS[signal]))
    period = draw(st.sampled_from(["all_time", "all_time", "last_7d"]))
    return CriterionDefinition(signal, operator, threshold, period)


@st.composite
def rules(
    draw: st.DrawFn, slug: str = "a-rule", signals: tuple[str, ...] = tuple(THRESHOLDS)
) -> RuleDefinition:
    """Draw a valid rule of one to three criteria."""
    chosen = draw(st.lists(criteria(signals), min_size=1, max_size=3))
    return make_rule(*chosen, slug=slug, logic=draw(st.sampled_from(["AND", "OR"])))


def grid(*rules: RuleDefinition) -> Iterator[Values]:
    """Yield every combination of values, unknown included, that could make a difference to the rules."""
    keys = sorted({key_of(criterion) for rule in rules for criterion in rule.criteria})
    for values in product(*(POINTS[signal] for signal, _ in keys)):
        yield dict(zip(keys, values, strict=True))
