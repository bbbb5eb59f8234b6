"""What the rules match, counted: as the oracle counts it, kept, and brought up to date when that is due."""

import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis.extra.django import TestCase
from pytest_django import DjangoAssertNumQueries

from advancement import tasks
from advancement.criteria.rules import RuleDefinition
from advancement.criteria.validation import check_rule
from advancement.database.clock import database_now
from advancement.evaluation import counts
from advancement.evaluation.counts import count_rules, moments, refresh_counts
from advancement.evaluation.effect import effect_of, moves_with
from advancement.holds import release_hold, set_hold
from advancement.models import AdvancementRule, Hold, RuleCount, RuleVersion, Sprout, Tier
from advancement.models.runs import RunTrigger
from advancement.rulebook.drafts import activate_draft, save_draft
from advancement.rulebook.reading import lifecycles
from advancement.rulebook.saving import save_rules
from advancement.rulebook.switching import archive_rule, disable_rule, enable_rule
from advancement.runs.start import RunRequest, start_run
from tests.criteria.cast import make_rule
from tests.evaluation.groves import Grove, Planted, groves
from tests.factories import add_model, add_rule, add_rules, finished_run, make_sprout, refreshed
from tests.oracle import Values, evaluate_rule, winning_rule
from tests.rollback.cast import override


@pytest.fixture(autouse=True)
def nobody_counts() -> None:
    cache.clear()


def acceptable(rules: list[RuleDefinition]) -> list[RuleDefinition]:
    known = lifecycles()
    return [rule for rule in rules if all(problem.blocks == "nothing" for problem in check_rule(rule, known))]


def values_of(sprout: Sprout, planted: Planted, as_of: datetime) -> Values:
    values: dict[tuple[str, str], float | None] = {
        (name, period): value for period, row in planted.rows.items() for name, value in row.items()
    }
    values["daysInTier", "all_time"] = (as_of - sprout.tier_updated_at) / timedelta(microseconds=1) / 86_400e6
    return values


def figures(slug: str = "a-rule") -> tuple[int, int, dict[str, int]]:
    count = RuleCount.objects.get(version__active_in=slug)
    return count.matches, count.candidates, {line["rule"]: line["count"] for line in count.overlaps}


class CountsAgreeWithTheOracle(TestCase):
    @given(grove=groves())
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    def test_matches_candidates_and_overlaps_are_those_of_the_oracle(self, grove: Grove) -> None:
        rules = acceptable(grove.rules)
        save_rules(rules, by="tests")
        grove.plant()
        counted = {count.version.rule_id: count for count in count_rules().values()}
        assert counted.keys() == {rule.slug for rule in rules}
        sprouts = list(Sprout.objects.all())
        for rule in rules:
            count = counted[rule.slug]
            own = [
                s for s in sprouts if (s.lifecycle_model_id, s.tier) == (rule.lifecycle_model, rule.from_tier)
            ]
            values = [values_of(sprout, grove.cast[sprout.pk], count.as_of) for sprout in own]
            matches = [one for one in values if evaluate_rule(rule, one)]
            earlier = [
                other
                for other in rules
                if (other.lifecycle_model, other.from_tier) == (rule.lifecycle_model, rule.from_tier)
                and other.enabled
                and other.order < rule.order
            ]
            overlaps = Counter(r.slug for one in matches for r in earlier if evaluate_rule(r, one))
            assert (count.matches, count.candidates) == (len(matches), len(own))
            met = [
                planted
                for s in own
                if evaluate_rule(rule, values_of(s, planted := grove.cast[s.pk], count.as_of))
            ]
            assert count.held == sum(planted.held for planted in met)
            assert count.no_signals == sum(not planted.held and not planted.rows for planted in met)
            assert {line["rule"]: line["count"] for line in count.overlaps} == overlaps

    @given(grove=groves())
    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    def test_the_effect_of_a_rule_is_what_the_oracle_lets_it_move_and_adds_up(self, grove: Grove) -> None:
        rules = acceptable(grove.rules)
        save_rules(rules, by="tests")
        grove.plant()
        stopped = grove.stopped(rules)
        moves = moves_with(rules)
        for rule in rules:
            effect = effect_of(RuleVersion.objects.get(active_in=rule.slug))
            if rule.enabled:
                assert moves[rule.slug].count == effect.moves
                assert bool(moves[rule.slug].stopped) == (rule.slug in stopped)
            others = [r for r in rules if r.slug != rule.slug and r.enabled and r.slug not in stopped]
            assert effect.as_of
            expected: Counter[str] = Counter()
            for sprout in Sprout.objects.filter(lifecycle_model=rule.lifecycle_model, tier=rule.from_tier):
                planted = grove.cast[sprout.pk]
                values = values_of(sprout, planted, effect.as_of)
                if evaluate_rule(rule, values):
                    expected[self._end(rule, others, planted, values, rule.slug in stopped)] += 1
            assert bool(effect.stopped) == (rule.slug in stopped)
            assert effect.matches == expected.total()
            assert (effect.moves, effect.held) == (expected["moves"], expected["held"])
            assert (effect.no_signals, effect.blocked) == (expected["no_signals"], expected["blocked"])
            assert sum(effect.taken.values()) == expected["taken"]

    def _end(
        self,
        rule: RuleDefinition,
        others: list[RuleDefinition],
        planted: Planted,
        values: Values,
        stopped: bool,
    ) -> str:
        if planted.held:
            return "held"
        if not planted.rows:
            return "no_signals"
        own = [
            r for r in others if (r.lifecycle_model, r.from_tier) == (rule.lifecycle_model, rule.from_tier)
        ]
        if not stopped:
            own.append(make_rule(*rule.criteria, slug=rule.slug, logic=rule.logic, priority=rule.priority))
        winner = winning_rule(own, values)
        if winner is None:
            return "blocked"
        return "moves" if winner.slug == rule.slug else "taken"


@pytest.mark.django_db
def test_more_rules_than_a_number_has_bits_are_counted_in_one_statement(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    number = 130
    add_rules(*(make_rule(f"citations >= {n}", slug=f"r{n:03}") for n in range(1, number + 1)))
    for citations in (1, 64, 65, 130):
        make_sprout(signals={"citations": citations})
    with django_assert_max_num_queries(14):
        count_rules()
    assert figures("r001") == (4, 4, {})
    assert figures("r065") == (2, 4, {f"r{n:03}": 2 for n in range(1, 65)})
    assert figures("r130") == (1, 4, {f"r{n:03}": 1 for n in range(1, 130)})


@pytest.mark.django_db
def test_more_sets_of_rules_than_fit_into_memory_are_counted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    add_rules(*(make_rule(f"citations >= {n}", slug=f"r{n}", priority=n) for n in range(1, 6)))
    for citations in range(6):
        make_sprout(signals={"citations": citations})
    count_rules()
    expected = [figures(f"r{n}") for n in range(1, 6)]
    assert expected[4] == (1, 6, {"r1": 1, "r2": 1, "r3": 1, "r4": 1})
    monkeypatch.setattr(counts, "_MOST_PATTERNS", 2)
    count_rules()
    assert [figures(f"r{n}") for n in range(1, 6)] == expected


@pytest.mark.django_db
def test_a_match_counts_whether_or_not_a_hold_keeps_it_and_another_rule_wins() -> None:
    add_rules(make_rule("views >= 1", slug="first", priority=1), make_rule("citations >= 1"))
    held = make_sprout(signals={"citations": 1})
    set_hold(held.pk, reason="wait", by="operator")
    make_sprout(signals={"citations": 1, "views": 1})
    make_sprout()
    count_rules()
    assert figures() == (2, 3, {"first": 1})
    effect = effect_of(RuleVersion.objects.get(active_in="a-rule"))
    assert (effect.matches, effect.moves, effect.held, effect.taken) == (2, 0, 1, {"first": 1})


@pytest.mark.django_db
def test_matches_on_hold_and_matches_without_signals_are_told_apart_as_a_run_would() -> None:
    version = add_rule("daysInTier >= 1")
    for signals in ({"citations": 1}, {"citations": 1}, None, None, None):
        make_sprout(signals=signals)
    for sprout in (Sprout.objects.filter(signal_aggregations__isnull=side).first() for side in (True, False)):
        assert sprout
        set_hold(sprout.pk, reason="wait", by="operator")
    count = count_rules()[version.pk]
    effect = effect_of(version)
    assert (count.matches, count.held, count.no_signals, count.movable) == (5, 2, 2, 1)
    assert (effect.matches, effect.held, effect.no_signals, effect.moves) == (5, 2, 2, 1)


@pytest.mark.django_db
def test_a_hold_that_is_set_comes_to_its_end_or_is_released_makes_counts_out_of_date() -> None:
    add_rule("citations >= 1")
    kept = make_sprout(signals={"citations": 1})

    def held(*, after: timedelta) -> int:
        """Count as if everything so far had happened that long ago."""
        RuleCount.objects.update(as_of=F("as_of") - after)
        for name in ("set_at", "released_at", "until"):
            Hold.objects.update(**{name: F(name) - after})
        refresh_counts()
        return RuleCount.objects.get().held

    day = timedelta(days=1)
    refresh_counts()
    hold = set_hold(kept.pk, reason="wait", by="operator", until=database_now() + 1.5 * day)
    assert held(after=timedelta()) == 1
    assert held(after=day) == 1
    assert held(after=day) == 0
    hold = set_hold(kept.pk, reason="wait", by="operator")
    assert held(after=day) == 1
    release_hold(hold, by="operator")
    assert held(after=timedelta()) == 0


@pytest.mark.django_db
def test_a_rule_that_is_off_is_counted_and_overlaps_with_no_later_one() -> None:
    add_rules(make_rule("views >= 1", slug="off", priority=1, enabled=False), make_rule("citations >= 1"))
    make_sprout(signals={"citations": 1, "views": 1})
    count_rules()
    assert figures("off") == (1, 1, {})
    assert figures() == (1, 1, {})


@pytest.mark.django_db
def test_a_rule_that_is_only_a_draft_is_counted_by_its_draft_and_overlaps_with_no_later_one() -> None:
    draft = save_draft(make_rule("views >= 1", slug="sketch", priority=1), by="editor")
    add_rule("citations >= 1")
    make_sprout(signals={"citations": 1, "views": 1})
    count_rules()
    assert RuleCount.objects.get(version=draft).matches == 1
    assert figures() == (1, 1, {})


@pytest.mark.django_db
def test_a_rule_whose_tier_is_gone_is_left_out_and_the_others_are_counted() -> None:
    add_model("academic", "draft", "preprint", "published")
    add_rules(
        make_rule(
            "views >= 1", slug="gone", lifecycle_model="academic", from_tier="draft", to_tier="preprint"
        ),
        make_rule("views >= 1"),
    )
    Tier.objects.get(slug="preprint").delete()
    make_sprout(signals={"views": 1})
    count_rules()
    assert list(RuleCount.objects.values_list("version__rule", flat=True)) == ["a-rule"]


@pytest.mark.django_db
def test_without_rules_there_is_nothing_to_count() -> None:
    assert count_rules() == {}
    assert refresh_counts()


@pytest.mark.django_db
def test_only_the_tiers_of_the_versions_asked_for_are_counted() -> None:
    one, other = add_rules(make_rule("views >= 1"), make_rule("views >= 1", slug="b", from_tier="seed"))
    assert set(count_rules([one])) == {one.pk}
    assert set(count_rules([other])) == {other.pk}
    assert RuleCount.objects.count() == 2


def counted_at(slug: str) -> datetime:
    return RuleCount.objects.get(version__active_in=slug).as_of


def aged(hours: float) -> None:
    RuleCount.objects.update(as_of=database_now() - timedelta(hours=hours))


@pytest.mark.django_db
def test_what_is_up_to_date_is_not_counted_again(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    add_rules(make_rule("views >= 1"), make_rule("views >= 2", slug="b", from_tier="seed"))
    refreshed(hours_ago=2)
    assert refresh_counts()
    before = counted_at("a-rule")
    with django_assert_num_queries(5):
        assert refresh_counts()
    assert counted_at("a-rule") == before


@pytest.mark.django_db
def test_newer_signals_make_every_count_out_of_date() -> None:
    add_rules(make_rule("views >= 1"), make_rule("views >= 2", slug="b", from_tier="seed"))
    refresh_counts()
    aged(hours=3)
    refreshed(hours_ago=2)
    refresh_counts()
    assert {c.as_of > database_now() - timedelta(hours=1) for c in RuleCount.objects.all()} == {True}


@pytest.mark.django_db
def test_a_run_that_moved_something_makes_counts_out_of_date_and_one_that_did_not_does_not() -> None:
    add_rule("views >= 1")
    finished_run()
    count_rules()
    assert moments().changed is None
    make_sprout(signals={"views": 1})
    refreshed(hours_ago=2)
    finished_run()
    assert figures() == (0, 0, {})
    make_sprout(signals={"views": 1})
    refresh_counts()
    assert figures() == (1, 1, {})


@pytest.mark.django_db
def test_overrides_into_and_out_of_a_tier_make_counts_out_of_date_though_its_size_stays() -> None:
    add_rule("views >= 1")
    matching, other = make_sprout(signals={"views": 1}), make_sprout("seed")
    refresh_counts()
    assert figures() == (1, 1, {})
    override(matching, "tree")
    override(other, "sprout")
    refresh_counts()
    assert figures() == (0, 1, {})


@pytest.mark.django_db
def test_a_new_version_is_counted_with_its_tier_and_others_are_left_as_they_are() -> None:
    add_rules(
        make_rule("citations >= 3", slug="a", priority=1),
        make_rule("citations >= 5", slug="b"),
        make_rule("views >= 1", slug="c", from_tier="seed"),
    )
    make_sprout(signals={"citations": 7})
    refresh_counts()
    before = counted_at("c")
    add_rules(make_rule("citations >= 9", slug="a", priority=1))
    refresh_counts()
    assert (figures("a"), figures("b")) == ((0, 1, {}), (1, 1, {}))
    assert counted_at("c") == before
    assert RuleCount.objects.count() == 3, "the count of the former version is forgotten"


@pytest.mark.django_db
def test_switching_archiving_and_activating_make_the_overlaps_of_the_tier_out_of_date() -> None:
    refreshed(hours_ago=9)
    add_rules(make_rule("citations >= 3", slug="a", priority=1), make_rule("citations >= 5", slug="b"))
    make_sprout(signals={"citations": 7})
    refresh_counts()
    assert figures("b") == (1, 1, {"a": 1})
    disable_rule("a", by="operator")
    refresh_counts()
    assert figures("b") == (1, 1, {})
    enable_rule("a", by="approver")
    refresh_counts()
    assert figures("b") == (1, 1, {"a": 1})
    archive_rule("a", by="operator")
    add_rules(make_rule("citations >= 6", slug="b"))
    refresh_counts()
    assert figures("b") == (1, 1, {})


@pytest.mark.django_db
def test_a_draft_that_was_counted_makes_its_tier_out_of_date_when_it_is_activated() -> None:
    refreshed(hours_ago=9)
    save_draft(make_rule("citations >= 3", slug="a", priority=1), by="editor")
    add_rule("citations >= 5", slug="b")
    make_sprout(signals={"citations": 7})
    refresh_counts()
    assert figures("b") == (1, 1, {})
    activate_draft("a", by="approver")
    AdvancementRule.objects.filter(pk="a").update(activated_at=database_now())
    refresh_counts()
    assert figures("b") == (1, 1, {"a": 1})


@pytest.mark.django_db
def test_while_somebody_counts_nobody_else_does() -> None:
    add_rule("views >= 1")
    cache.add(counts._BUSY, True, 60)
    assert not refresh_counts()
    assert not RuleCount.objects.exists()
    cache.delete(counts._BUSY)
    assert refresh_counts()
    assert cache.get(counts._BUSY) is None


@pytest.mark.django_db
def test_the_cluster_counts_after_its_work() -> None:
    add_rule("views >= 1")
    make_sprout(signals={"views": 1})
    refreshed()
    start_run(RunRequest(), trigger=RunTrigger.CONSOLE, leased=False)
    tasks.work()
    assert figures() == (0, 0, {}), "the run has moved it"
    make_sprout(signals={"views": 1})
    refreshed()
    tasks.work()
    assert figures() == (1, 1, {})


@pytest.mark.django_db
@pytest.mark.parametrize("error", [DatabaseError("no such table\nLINE 1"), RuntimeError("a defect")])
def test_counting_fails_none_of_the_work(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**kwargs: Any) -> bool:
        raise error

    monkeypatch.setattr("advancement.runs.counting.refresh_counts", broken)
    monkeypatch.setattr(logging.getLogger("advancement"), "propagate", True)
    tasks.work()
    assert "counted" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_grove_is_read_in_one_snapshot_and_left_unlocked() -> None:
    add_rule("views >= 1")
    make_sprout(signals={"views": 1})
    count_rules()
    assert not connection.in_atomic_block
    make_sprout(signals={"views": 1})
    count_rules()
    assert figures() == (2, 2, {})


@pytest.mark.django_db
def test_a_file_of_very_many_rules_is_counted() -> None:
    make_sprout(signals={"views": 1})
    rules = [
        make_rule(f"views >= {number}", slug=f"rule-{number}", priority=number) for number in range(1, 1501)
    ]
    moves = moves_with(rules)
    assert (len(moves), moves["rule-1"].count, moves["rule-2"].count) == (1500, 1, 0)
