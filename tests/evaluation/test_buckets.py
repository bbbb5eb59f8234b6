"""Where a candidate ends: each in exactly one bucket, in the order of the design."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F

from advancement.holds import release_hold, set_hold
from advancement.models import LeftOut, Run, Sprout
from advancement.rulebook.switching import archive_rule
from tests.criteria.cast import make_rule
from tests.factories import add_model, add_rule, add_rules, make_signals, make_sprout, planned_run

pytestmark = pytest.mark.django_db

BUCKETS = ("no_match", "no_signals", "held", "invalid", "blocked")


def figures(run: Run) -> dict[str, int]:
    found = {"advanced": run.moves_planned} | {name: getattr(run, name) for name in BUCKETS}
    assert sum(found.values()) == run.evaluated
    return {name: count for name, count in found.items() if count}


def test_a_sprout_that_meets_a_rule_advances() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    assert figures(planned_run()) == {"advanced": 1}


def test_a_sprout_that_meets_no_rule_stays() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 2})
    assert figures(planned_run()) == {"no_match": 1}


def test_a_sprout_without_any_aggregation_is_left_out() -> None:
    add_rule("daysInTier >= 0")
    make_sprout()
    assert figures(planned_run()) == {"no_signals": 1}


def test_a_sprout_with_one_period_alone_has_signals() -> None:
    add_rule("citations >= 3 last_7d")
    make_signals(make_sprout(), "last_7d", citations=3)
    assert figures(planned_run()) == {"advanced": 1}


def test_a_sprout_on_hold_is_named_with_the_reason() -> None:
    add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3})
    set_hold(sprout.pk, reason="under review", by="operator")
    assert figures(planned_run()) == {"held": 1}
    assert LeftOut.objects.get().reason == "On hold: under review"


def test_a_released_hold_no_longer_holds() -> None:
    add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3})
    release_hold(set_hold(sprout.pk, reason="under review", by="operator"), by="operator")
    assert figures(planned_run()) == {"advanced": 1}


def test_a_hold_ends_with_its_date() -> None:
    add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3})
    hold = set_hold(
        sprout.pk, reason="for a while", by="operator", until=datetime.now(UTC) + timedelta(days=1)
    )
    type(hold).objects.update(until=datetime.now(UTC) - timedelta(seconds=1))
    assert figures(planned_run()) == {"advanced": 1}


def test_a_hold_until_a_newer_version_of_a_rule_ends_with_that_version() -> None:
    version = add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 5})
    set_hold(sprout.pk, reason="the rule is too soft", by="operator", until_newer_than=version)
    assert figures(planned_run()) == {"held": 1}
    add_rule("citations >= 4")
    assert figures(planned_run()) == {"advanced": 1}


def test_a_tier_unknown_to_the_model_is_invalid_whatever_the_from_tiers() -> None:
    add_rule("citations >= 3")
    make_sprout("shrub", signals={"citations": 3})
    assert figures(planned_run(from_tiers=("seed",))) == {"invalid": 1}
    assert LeftOut.objects.get().reason == "Its tier shrub does not exist in its lifecycle model."


def test_invalid_comes_before_held_and_held_before_no_signals() -> None:
    add_rule("citations >= 3")
    set_hold(make_sprout("shrub").pk, reason="wait", by="operator")
    set_hold(make_sprout().pk, reason="wait", by="operator")
    assert figures(planned_run()) == {"invalid": 1, "held": 1}


def test_sprouts_of_other_tiers_are_no_candidates() -> None:
    add_rule("citations >= 3")
    make_sprout("tree", signals={"citations": 3})
    assert figures(planned_run()) == {}


def test_only_the_named_lifecycle_model_is_in_scope() -> None:
    add_model("academic", "sprout", "paper")
    add_rules(
        make_rule("citations >= 3", slug="plants"),
        make_rule("citations >= 3", slug="papers", lifecycle_model="academic", to_tier="paper"),
    )
    make_sprout(signals={"citations": 3})
    make_sprout(signals={"citations": 3}, lifecycle_model_id="academic")
    assert figures(planned_run(lifecycle_model="academic")) == {"advanced": 1}
    assert figures(planned_run()) == {"advanced": 2}


def test_the_first_rule_by_priority_then_slug_wins() -> None:
    add_rules(
        make_rule("citations >= 1", slug="b", to_tier="sapling"),
        make_rule("citations >= 1", slug="a", to_tier="tree"),
        make_rule("citations >= 1", slug="z", to_tier="grove", priority=1),
        make_rule("citations >= 100", slug="y", to_tier="sapling", priority=0),
    )
    make_sprout(signals={"citations": 3})
    assert planned_run().moves.get().rule_version.rule_id == "z"
    archive_rule("z", by="operator")
    assert planned_run().moves.get().rule_version.rule_id == "a"


def test_a_disabled_rule_moves_nothing() -> None:
    add_rule("citations >= 3", enabled=False)
    make_sprout(signals={"citations": 3})
    assert figures(planned_run()) == {"no_match": 1}


def test_an_unknown_signal_fails_all_and_leaves_any_to_the_others() -> None:
    add_rules(
        make_rule("citations >= 0", "views >= 0", slug="all-of-them", to_tier="tree"),
        make_rule("citations >= 0", "views >= 0", slug="any-of-them", logic="OR", priority=200),
    )
    make_sprout(signals={"citations": None, "views": 0})
    assert planned_run().moves.get().rule_version.rule_id == "any-of-them"


def test_a_rule_that_became_invalid_is_skipped_and_reported_and_the_others_run() -> None:
    add_model("academic", "draft", "paper", "classic")
    add_rules(
        make_rule(
            "citations >= 1", slug="dead", lifecycle_model="academic", from_tier="draft", to_tier="classic"
        ),
        make_rule(
            "citations >= 1", slug="live", lifecycle_model="academic", from_tier="draft", to_tier="paper"
        ),
    )
    from advancement.models import Tier

    Tier.objects.filter(slug="classic").delete()
    make_sprout("draft", signals={"citations": 3}, lifecycle_model_id="academic")
    run = planned_run(from_tiers=("draft",))
    assert figures(run) == {"advanced": 1}
    assert [line["rule"] for line in run.invalid_rules] == ["dead"]
    assert run.invalid_rules[0]["reason"].startswith('The to tier "classic" is unknown')


def test_days_in_tier_are_fractions_of_days_at_the_runs_instant() -> None:
    add_rule("daysInTier >= 2.5")
    now = datetime.now(UTC)
    make_sprout(signals={}, tier_updated_at=now - timedelta(days=2.5))
    make_sprout(signals={}, tier_updated_at=now - timedelta(days=2.4))
    assert figures(planned_run()) == {"advanced": 1, "no_match": 1}


def test_a_move_keeps_what_the_plan_read() -> None:
    version = add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3})
    Sprout.objects.update(revision=F("revision") + 4)
    move = planned_run().moves.get()
    assert (move.sprout_id, move.position, move.step) == (sprout.pk, 1, 1)
    assert (move.sprout_revision, move.from_tier, move.to_tier) == (4, "sprout", "sapling")
    assert move.rule_version == version


def test_a_plan_changes_no_tier_and_writes_no_event() -> None:
    from advancement.models import AdvancementEvent

    add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3})
    planned_run()
    sprout.refresh_from_db()
    assert (sprout.tier, sprout.revision) == ("sprout", 0)
    assert not AdvancementEvent.objects.exists()
