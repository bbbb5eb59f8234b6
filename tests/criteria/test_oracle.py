"""The oracle itself, where the design fixes what it must say."""

from typing import Any

import pytest

from tests.criteria.cast import make_rule
from tests.oracle import bucket, evaluate_rule, winning_rule

VIEWS = ("views", "all_time")


@pytest.mark.parametrize(("logic", "matches"), [("AND", False), ("OR", True)])
def test_an_unknown_value_fails_all_and_leaves_any_to_the_others(logic: str, matches: bool) -> None:
    rule = make_rule("views >= 0", "citations >= 0", logic=logic)
    assert evaluate_rule(rule, {VIEWS: 0, ("citations", "all_time"): None}) is matches


def test_a_rule_without_criteria_matches_nothing() -> None:
    assert not evaluate_rule(make_rule(), {VIEWS: 1})


def test_days_in_tier_are_the_same_in_every_period() -> None:
    assert evaluate_rule(make_rule("daysInTier >= 1 last_7d"), {("daysInTier", "all_time"): 1.5})


def test_the_first_enabled_rule_by_priority_and_slug_wins() -> None:
    b, a = make_rule("views >= 1", slug="b"), make_rule("views >= 1", slug="a")
    late = make_rule("views >= 1", slug="0", priority=200)
    off = make_rule("views >= 1", slug="off", priority=1, enabled=False)
    assert winning_rule([late, b, off, a], {VIEWS: 1}) == a
    assert winning_rule([late, b, off, a], {VIEWS: None}) is None


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"tier_known": False, "held": True}, "invalid"),
        ({"held": True, "has_signals": False}, "held"),
        ({"has_signals": False}, "no_signals"),
        ({}, "advanced"),
        ({"stopped": {"a-rule"}}, "blocked"),
    ],
)
def test_a_candidate_ends_in_the_first_bucket_that_fits(facts: dict[str, Any], expected: str) -> None:
    assert bucket([make_rule("views >= 1")], {VIEWS: 1}, **facts) == expected


def test_a_candidate_that_meets_nothing_is_no_match() -> None:
    assert bucket([make_rule("views >= 1")], {VIEWS: 0}, stopped={"a-rule"}) == "no_match"
