"""What somebody sees who is writing a rule: counts, differences, near misses, a chart."""

from dataclasses import replace

import pytest

from advancement.criteria.errors import AdvancementError
from advancement.evaluation.histogram import histogram
from advancement.evaluation.preview import MatchCount, count_matches, preview_details
from advancement.holds import set_holds
from advancement.models import PreviewCache
from tests.criteria.cast import make_rule
from tests.factories import add_model, add_rule, add_rules, make_signals, make_sprout

pytestmark = pytest.mark.django_db


def grove(*citations: int | None) -> list[str]:
    """Save sprouts with so many citations; return their ids as text, in the order of the ids."""
    return sorted(str(make_sprout(signals={"citations": number, "views": 2}).pk) for number in citations)


def test_other_rules_and_sprouts_of_other_tiers_and_models_make_no_difference() -> None:
    add_rule("citations >= 1", slug="comes-first", priority=1)
    add_model("academic", "sprout", "sapling")
    make_sprout(signals={"citations": 5})
    make_sprout("seed", signals={"citations": 5})
    make_sprout(lifecycle_model_id="academic", signals={"citations": 5})
    make_sprout()
    assert count_matches(make_rule("citations >= 3", enabled=False)) == MatchCount(1, 2, unknown=1)


def test_those_of_which_nothing_that_a_rule_asks_for_is_known_are_counted() -> None:
    grove(1)
    make_signals(make_sprout(), "last_7d", views=3)
    make_sprout()
    rule = make_rule("citations >= 3", "views >= 1 last_7d")
    assert count_matches(rule).unknown == 1
    assert preview_details(rule).count == count_matches(rule)
    assert count_matches(make_rule("citations >= 3")).unknown == 2
    assert count_matches(make_rule("daysInTier >= 3")).unknown == 0


def test_matches_that_a_run_would_leave_where_they_are_are_counted() -> None:
    for citations in (5, 5, 1, None):
        make_sprout(signals={"citations": citations})
    held = [make_sprout(signals={"citations": 5}), make_sprout(), make_sprout(signals={"citations": 0})]
    set_holds([sprout.pk for sprout in held], reason="wait", by="operator")
    make_sprout()
    expected = {
        make_rule("citations >= 3"): (3, 1, 0),
        make_rule("daysInTier >= 1"): (8, 3, 1),
        make_rule("daysInTier >= 1", "citations >= 1"): (4, 1, 0),
        make_rule("daysInTier >= 1", "citations >= 1", logic="OR"): (8, 3, 1),
    }
    for rule, figures in expected.items():
        counted = count_matches(rule)
        assert (counted.matches, counted.held, counted.no_signals) == figures
        assert preview_details(rule).count == counted


def test_a_rule_that_nothing_can_meet_and_one_without_a_title_are_counted() -> None:
    grove(1, 3)
    assert count_matches(make_rule("citations > 3", "citations < 2", title="")) == MatchCount(0, 2)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (make_rule(), "it has no criteria"),
        (make_rule("citation >= 3"), 'unknown signal "citation"'),
        (make_rule("qualityScore >= 3"), "outside the range"),
        (make_rule("views >= 3", from_tier="shrub"), 'from tier "shrub" is unknown'),
        (make_rule("views >= 3", lifecycle_model="roses"), 'lifecycle model "roses" is unknown'),
        (make_rule("views >= 3", logic="XOR"), 'logic operator "XOR" is unknown'),
    ],
)
def test_what_cannot_be_counted_is_refused_with_a_sentence(rule: object, reason: str) -> None:
    for look in (count_matches, preview_details, lambda rule: histogram(rule, 0)):
        with pytest.raises(AdvancementError, match=reason):
            look(rule)  # type: ignore[operator]


def test_where_a_rule_leads_does_not_matter_yet() -> None:
    grove(3)
    assert count_matches(make_rule("citations >= 3", to_tier="nowhere", slug="")).matches == 1


def test_without_an_active_version_of_the_same_tier_there_is_no_comparison() -> None:
    grove(1, 3)
    version = add_rule("citations >= 3", from_tier="seed", to_tier="sapling")
    rule = make_rule("citations >= 2")
    for active in (None, version):
        details = preview_details(rule, active=active)
        assert (details.gained, details.lost, details.active_matches) == (None, None, None)


def test_gained_and_lost_are_named_with_their_evidence() -> None:
    grove(1, 2, 3, 4)
    details = preview_details(
        make_rule("citations <= 3", "citations >= 2"), active=add_rule("citations >= 3")
    )
    assert details.gained
    assert details.lost
    assert (details.active_matches, details.count.matches) == (2, 2)
    assert (details.gained.count, details.lost.count) == (1, 1)
    (gained,), (lost,) = details.gained.sprouts, details.lost.sprouts
    assert [line["actual"] for line in gained.evidence] == [2, 2]
    assert [(line["actual"], line["met"]) for line in lost.evidence] == [(4, False), (4, True)]
    assert lost.title == "notes/a-note.md"


def test_ten_of_many_are_named_and_all_are_counted() -> None:
    ids = grove(*[3] * 12, *[2] * 11)
    details = preview_details(make_rule("citations >= 3"))
    assert (details.count.matches, details.near_miss_count) == (12, 11)
    assert (len(details.matches), len(details.near_misses)) == (10, 10)
    assert [str(sprout.sprout_id) for sprout in details.matches] == sorted(
        str(sprout.sprout_id) for sprout in details.matches
    )
    assert {str(miss.sprout_id) for miss in details.near_misses} < set(ids)


def test_the_nearest_miss_comes_first_whatever_the_signals_are() -> None:
    by_views = make_sprout(signals={"views": 95, "qualityScore": 0.9})
    by_quality = make_sprout(signals={"views": 100, "qualityScore": 0.6})
    make_sprout(signals={"views": 10, "qualityScore": 0.1})
    details = preview_details(make_rule("views >= 100", "qualityScore >= 0.8"))
    assert [(miss.sprout_id, miss.criterion, miss.needed, miss.gap) for miss in details.near_misses] == [
        (by_views.pk, 0, 100, 5),
        (by_quality.pk, 1, 0.8, 0.2),
    ]


def test_what_is_needed_of_a_count_is_a_whole_number() -> None:
    grove(3)
    (miss,) = preview_details(make_rule("citations > 3")).near_misses
    assert (miss.actual, miss.needed, miss.gap) == (3, 4, 1)


def test_an_unknown_value_is_no_near_miss() -> None:
    grove(None)
    make_sprout()
    details = preview_details(make_rule("citations >= 1"))
    assert (details.near_miss_count, details.near_misses, details.alone) == (0, (), (0,))


def test_only_enabled_rules_that_are_tried_earlier_and_share_matches_are_named() -> None:
    grove(1, 3, 5)
    add_rules(
        make_rule("citations >= 5", slug="first", priority=1),
        make_rule("citations >= 4", slug="same-priority-later-name"),
        make_rule("citations >= 9", slug="shares-nothing", priority=1),
        make_rule("citations >= 1", slug="disabled", priority=1, enabled=False),
        make_rule("citations >= 1", slug="elsewhere", priority=1, from_tier="seed"),
        make_rule("citations >= 2", priority=1),
    )
    assert preview_details(make_rule("citations >= 3")).also_earlier == (("first", 1),)


def test_the_chart_shows_those_that_meet_the_other_criteria_with_the_threshold_between_two_bars() -> None:
    grove(0, 1, 2, 2, 3, 3, 3, None)
    make_sprout(signals={"citations": 3, "views": 0})
    chart = histogram(make_rule("citations >= 2", "views >= 1"), 0)
    assert [(part.label, part.count, part.meets) for part in chart.bins] == [
        ("0", 1, False), ("1", 1, False), ("2", 2, True), ("3+", 3, True),
    ]  # fmt: skip
    assert (chart.unknown, chart.signal, chart.period) == (1, "citations", "all_time")
    assert (chart.threshold, chart.operator) == (2, ">=")
    assert chart.at == ((0, 7), (1, 6), (2, 5), (3, 3), (4, 0), (5, 0))


def test_the_chart_of_a_rule_that_asks_for_any_shows_all_candidates() -> None:
    grove(0, 1, 3, None)
    chart = histogram(make_rule("citations >= 2", "views >= 9", logic="OR"), 0)
    assert sum(part.count for part in chart.bins) + chart.unknown == 4
    assert dict(chart.at)[2] == 1


@pytest.mark.parametrize("threshold", [0, 2, 1000])
def test_a_threshold_far_from_all_values_is_on_the_chart_too(threshold: int) -> None:
    grove(1, 2, 3)
    chart = histogram(make_rule(f"citations >= {threshold}"), 0)
    assert sum(part.count for part in chart.bins) == 3
    assert sum(part.count for part in chart.bins if part.meets) == dict(chart.at)[threshold]
    assert min(part.low for part in chart.bins if part.meets) == threshold


def test_a_chart_of_nothing_has_the_threshold_alone() -> None:
    chart = histogram(make_rule("qualityScore >= 0.5"), 0)
    assert [(part.label, part.count) for part in chart.bins] == [("0–0.5", 0), ("0.5+", 0)]
    assert len(chart.at) == 7


def test_an_outlier_does_not_squeeze_the_chart() -> None:
    grove(*[1] * 20, *[2] * 20, 4, 100_000)
    chart = histogram(make_rule("citations >= 3"), 0)
    assert chart.bins[-1].count >= 1
    assert [part.count for part in chart.bins[:2]] == [20, 20]


def test_a_grove_that_is_small_is_never_copied() -> None:
    grove(1, 3)
    assert preview_details(make_rule("citations >= 3"), exact=True).count == MatchCount(1, 2)
    assert not PreviewCache.objects.exists()


def test_a_rule_of_a_hundred_criteria_is_no_trouble() -> None:
    grove(3)
    criteria = [f"citations >= {number / 100}" for number in range(100)]
    for logic in ("AND", "OR"):
        rule = make_rule(*criteria, logic=logic)
        assert preview_details(rule, active=add_rule(*criteria, logic=logic)).count.matches == 1
        assert histogram(replace(rule), 50).at[0][1] == 1


def test_none_is_near_while_all_have_nothing_of_what_is_asked_for() -> None:
    grove(0, 0)
    assert not preview_details(make_rule("citations >= 1")).any_near
    grove(1)
    assert preview_details(make_rule("citations >= 2")).any_near
