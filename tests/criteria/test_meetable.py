"""A rule is kept disabled exactly when nothing can meet it."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from advancement.criteria.rules import CriterionDefinition, Operator, RuleDefinition
from advancement.criteria.validation import check_rule
from tests.criteria.cast import LIFECYCLES, make_rule
from tests.criteria.strategies import grid, rules
from tests.oracle import evaluate_rule


def cannot_be_enabled(rule: RuleDefinition) -> bool:
    return any(problem.blocks == "enabling" for problem in check_rule(rule, LIFECYCLES))


@settings(max_examples=400, deadline=None)
@given(rules())
def test_a_rule_cannot_be_enabled_exactly_when_no_point_of_the_grid_meets_it(rule: RuleDefinition) -> None:
    assert cannot_be_enabled(rule) == (not any(evaluate_rule(rule, values) for values in grid(rule)))


@given(st.lists(st.tuples(st.sampled_from(list(Operator)), st.integers(0, 12)), min_size=1, max_size=4))
def test_it_decides_any_bounds_on_one_count(bounds: list[tuple[Operator, int]]) -> None:
    halves = (CriterionDefinition("views", operator, twice / 2) for operator, twice in bounds)
    rule = make_rule(*halves)
    met = any(evaluate_rule(rule, {("views", "all_time"): value}) for value in range(9))
    assert cannot_be_enabled(rule) == (not met)


fractions = st.floats(0, 1)


@given(
    bounds=st.lists(st.tuples(st.sampled_from(list(Operator)), fractions), min_size=1, max_size=3),
    logic=st.sampled_from(["AND", "OR"]),
    value=fractions,
)
def test_no_score_meets_a_rule_that_cannot_be_enabled(
    bounds: list[tuple[Operator, float]], logic: str, value: float
) -> None:
    rule = make_rule(*(CriterionDefinition("qualityScore", *bound) for bound in bounds), logic=logic)
    near = [math.nextafter(t, direction) for _, t in bounds for direction in (0, 1)]
    met = any(
        evaluate_rule(rule, {("qualityScore", "all_time"): candidate})
        for candidate in [value, *near, *(t for _, t in bounds)]
    )
    assert not (met and cannot_be_enabled(rule))
