"""Duplicates and shadowed rules are named, and nothing else is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advancement.criteria.rules import RuleDefinition
from advancement.criteria.validation import check_rule_set
from tests.criteria.cast import make_rule
from tests.criteria.strategies import grid, rules
from tests.oracle import evaluate_rule, winning_rule


def named(*rules: RuleDefinition) -> list[tuple[str, str]]:
    return [(problem.rule, problem.code) for problem in check_rule_set(rules)]


def pair(earlier: str, later: str) -> tuple[RuleDefinition, RuleDefinition]:
    """Return two competing rules, criteria joined by ` and ` or ` or `."""
    first, second = (
        make_rule(*text.replace(" or ", " and ").split(" and "), slug=slug, logic=logic_of(text))
        for slug, text in (("earlier", earlier), ("later", later))
    )
    return first, second


def logic_of(text: str) -> str:
    return "OR" if " or " in text else "AND"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("citations >= 3", "citations >= 5"),
        ("citations >= 3", "citations > 2"),
        ("citations > 2.5", "citations == 3"),
        ("citations >= 3", "citations >= 4 and views >= 1"),
        ("citations >= 3 or views >= 1", "views >= 2"),
        ("citations >= 3 or views >= 1", "views >= 2 or citations == 7"),
        ("citations < 3 or citations >= 3", "citations >= 0 and views >= 1"),
        ("citations < 3 or citations > 2", "citations == 2 or citations == 3"),
        ("queryDiversity <= 0.5 or queryDiversity > 0.5", "queryDiversity >= 0.1"),
        ("daysInTier > 1", "daysInTier > 2 last_7d"),
        ("views >= 1 or citations < 0", "views >= 2"),
        ("views >= 1", "views >= 2 or citations < 0"),
    ],
)
def test_an_earlier_rule_that_the_later_one_implies_shadows_it(earlier: str, later: str) -> None:
    assert named(*pair(earlier, later)) == [("later", "shadowed-rule")]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("citations >= 5", "citations >= 3"),
        ("citations >= 3", "citations >= 5 last_7d"),
        ("citations >= 3 and views >= 1", "citations >= 5"),
        ("citations >= 3", "citations >= 5 or views >= 1"),
        ("views >= 0", "citations >= 1"),
        ("citations < 3 or citations > 3", "citations >= 0"),
        ("queryDiversity < 0.5 or queryDiversity > 0.5", "queryDiversity >= 0.1"),
        ("citations < 0", "citations >= 1"),
        ("citations >= 1", "citations < 0"),
        ("reads >= 1", "reads >= 2"),
        ("reads >= 1 or views >= 1", "views >= 2"),
        ("views >= 1", "views >= 2 and reads >= 1"),
    ],
)
def test_a_rule_that_can_still_win_is_not_named(earlier: str, later: str) -> None:
    assert named(*pair(earlier, later)) == []


def test_a_duplicate_is_named_whatever_the_order_and_spelling_of_its_criteria() -> None:
    first = make_rule("citations >= 3", "views >= 1", slug="first")
    again = make_rule("views >= 1.0", "citations >= 3", slug="second")
    assert named(again, first) == [("second", "duplicate-rule")]


def test_the_same_criteria_to_another_tier_are_shadowed_but_no_duplicate() -> None:
    first = make_rule("views >= 1", slug="first")
    other = make_rule("views >= 1", slug="second", to_tier="tree")
    assert named(first, other) == [("second", "shadowed-rule")]


def test_priority_comes_before_slug() -> None:
    wide = make_rule("views >= 1", slug="wide", priority=5)
    strict = make_rule("views >= 2", slug="a-strict-one")
    assert named(strict, wide) == [("a-strict-one", "shadowed-rule")]


@pytest.mark.parametrize(
    "apart",
    [
        make_rule("views >= 1", enabled=False),
        make_rule("views >= 1", lifecycle_model="academic"),
        make_rule("views >= 1", from_tier="seed"),
    ],
)
def test_only_enabled_rules_of_one_model_and_tier_compete(apart: RuleDefinition) -> None:
    assert named(apart, make_rule("views >= 2", slug="later")) == []


def test_the_message_names_both_rules_and_blocks_nothing() -> None:
    [problem] = check_rule_set(pair("views >= 1", "views >= 2"))
    assert problem.message == (
        'Rule "later": it can never win, because whatever meets it also meets rule "earlier", which comes '
        "first; give it a lower priority number than that rule, or change its criteria."
    )
    assert problem.blocks == "nothing"


@settings(max_examples=400, deadline=None)
@given(earlier=rules(slug="earlier"), later=rules(slug="later"))
def test_a_rule_is_named_exactly_when_the_oracle_never_sees_it_alone(
    earlier: RuleDefinition, later: RuleDefinition
) -> None:
    matches = [values for values in grid(earlier, later) if evaluate_rule(later, values)]
    shadowed = bool(matches) and all(evaluate_rule(earlier, values) for values in matches)
    if ("later", "duplicate-rule") in (names := named(earlier, later)):
        assert shadowed or not matches
    else:
        assert names == ([("later", "shadowed-rule")] if shadowed else [])


@settings(max_examples=100, deadline=None)
@given(st.lists(rules(signals=("citations",)), max_size=5))
def test_a_named_rule_never_wins(drawn: list[RuleDefinition]) -> None:
    several = [make_rule(*rule.criteria, slug=f"rule-{i}", logic=rule.logic) for i, rule in enumerate(drawn)]
    winners = {rule.slug for values in grid(*several) if (rule := winning_rule(several, values))}
    assert not winners & {slug for slug, _ in named(*several)}
