"""Why, and why not, for one sprout: the same judgement that a run would make."""

import pytest

from advancement.evaluation.explain import explain
from advancement.evaluation.preview import preview_details
from advancement.holds import set_hold
from tests.criteria.cast import make_rule
from tests.factories import add_rules, make_signals, make_sprout

pytestmark = pytest.mark.django_db


def test_it_says_what_each_rule_of_the_tier_needs_and_what_is_there() -> None:
    add_rules(
        make_rule("citations >= 5", "views > 2", slug="strict"),
        make_rule("citations >= 3", slug="soft", priority=200),
        make_rule("citations >= 1", slug="of-another-tier", from_tier="seed", to_tier="sprout"),
    )
    explanation = explain(make_sprout(signals={"citations": 3, "views": None}).pk)
    strict, soft = explanation.rules
    assert explanation.bucket == "advanced"
    assert (strict.version.rule_id, strict.matches, strict.wins) == ("strict", False, False)
    assert [(c.actual, c.met, c.gap) for c in strict.criteria] == [(3, False, 2), (None, False, None)]
    assert (soft.matches, soft.wins) == (True, True)
    assert [(c.actual, c.met, c.gap) for c in soft.criteria] == [(3, True, 0)]


def test_a_rule_that_matches_behind_an_earlier_one_does_not_win() -> None:
    add_rules(make_rule("citations >= 1", slug="first"), make_rule("views >= 0", slug="second", priority=200))
    first, second = explain(make_sprout(signals={"citations": 3}).pk).rules
    assert (first.wins, second.matches, second.wins) == (True, True, False)


def test_a_period_without_a_row_is_unknown() -> None:
    add_rules(make_rule("citations >= 0 last_7d"))
    (rule,) = explain(make_sprout(signals={}).pk).rules
    assert [(c.actual, c.met) for c in rule.criteria] == [(None, False)]


@pytest.mark.parametrize(
    ("tier", "signals", "bucket"), [("shrub", {}, "invalid"), ("sprout", None, "no_signals")]
)
def test_it_names_the_bucket(tier: str, signals: dict[str, float] | None, bucket: str) -> None:
    assert explain(make_sprout(tier, signals=signals).pk).bucket == bucket


def test_a_hold_is_named_before_the_rules() -> None:
    add_rules(make_rule("citations >= 0"))
    sprout = make_sprout()
    make_signals(sprout, citations=3)
    set_hold(sprout.pk, reason="wait", by="operator")
    explanation = explain(sprout.pk)
    assert explanation.bucket == "held"
    assert explanation.rules[0].matches


@pytest.mark.parametrize(
    ("criterion", "actual", "gap"),
    [
        ("citations > 4", 3, 2),
        ("citations >= 4.5", 3, 2),
        ("citations < 4", 5, 2),
        ("citations == 4", 7, 3),
        ("qualityScore > 0.45", 0.42, 0.03),
        ("qualityScore > 0.45", 0.45, 0),
    ],
)
def test_the_gap_reaches_to_where_a_criterion_is_met_as_that_of_a_near_miss_does(
    criterion: str, actual: float, gap: float
) -> None:
    add_rules(definition := make_rule(criterion))
    signal = definition.criteria[0].signal
    (rule,) = explain(make_sprout(signals={signal: actual}).pk).rules
    (near,) = preview_details(definition).near_misses
    assert rule.criteria[0].gap == near.gap == gap
