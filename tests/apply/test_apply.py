"""What apply writes, and what it refuses to write."""

import pytest
from django.db import DatabaseError, transaction
from django.db.models import F
from pytest_django import DjangoAssertNumQueries

from advancement.apply import Applier
from advancement.criteria.errors import LeaseLost
from advancement.holds import set_hold
from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    LeftOut,
    RuleVersion,
    Run,
    SignalAggregation,
    Sprout,
    Tier,
)
from advancement.models.runs import RunStatus
from advancement.rulebook.switching import archive_rule
from advancement.runs.work import work_on
from tests.factories import CREATED, add_model, add_rule, finished_run, make_signals, make_sprout, planned_run

pytestmark = pytest.mark.django_db


def apply(run: Run) -> Run:
    return work_on(run.pk, run.lease_token)


def reasons(run: Run) -> list[str]:
    return [left_out.reason for left_out in LeftOut.objects.filter(run=run, bucket="skipped")]


def test_it_moves_the_sprout_and_writes_the_event_that_explains_it() -> None:
    version = add_rule("citations >= 3", "views >= 10", logic="OR")
    sprout = make_sprout(title="notes/oak.md", signals={"citations": 7, "utilityScore": 0.75})
    run = finished_run()
    sprout.refresh_from_db()
    event = AdvancementEvent.objects.get()
    assert (sprout.tier, sprout.initial_tier, sprout.revision) == ("sapling", "sprout", 1)
    assert sprout.tier_updated_at == event.timestamp
    assert (event.sprout_id, event.sprout_title, event.revision) == (sprout.pk, "notes/oak.md", 1)
    assert (event.event_type, event.from_tier, event.to_tier) == ("auto-advancement", "sprout", "sapling")
    assert (event.rule_id, event.rule_version, event.run_id) == ("a-rule", version.number, run.pk)
    assert event.former_tier_updated_at == CREATED
    assert event.criteria_met == [
        {
            "signal": "citations",
            "operator": ">=",
            "threshold": 3,
            "period": "all_time",
            "actual": 7,
            "met": True,
        },
        {
            "signal": "views",
            "operator": ">=",
            "threshold": 10,
            "period": "all_time",
            "actual": 0,
            "met": False,
        },
    ]
    assert event.signal_values["all_time"]["citations"] == 7
    assert event.signal_values["all_time"]["utilityScore"] == 0.75
    assert len(event.signal_values["all_time"]) == 18
    assert event.signal_values["last_7d"] is None
    assert event.signal_values["daysInTier"] > 300


def test_applying_twice_changes_nothing() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    run = finished_run()
    with pytest.raises(LeaseLost):
        Applier(run, run.lease_token).apply_all()
    assert AdvancementEvent.objects.count() == 1
    assert Sprout.objects.get().revision == 1


def test_one_step_per_sprout_and_run() -> None:
    add_rule("citations >= 1", slug="first")
    add_rule("citations >= 1", slug="second", from_tier="sapling", to_tier="tree")
    make_sprout(signals={"citations": 3})
    finished_run(from_tiers=("sprout", "sapling"))
    assert Sprout.objects.get().tier == "sapling"


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_every_batch_size_comes_to_the_same_end(batch_size: int) -> None:
    add_rule("citations >= 3")
    for citations in range(8):
        make_sprout(signals={"citations": citations})
    run = finished_run(batch_size=batch_size)
    assert (run.status, run.advanced, run.cursor) == ("succeeded", 5, 5)


def test_a_batch_needs_the_same_number_of_queries_whatever_its_size(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    add_rule("citations >= 3")
    runs = []
    for count in (10, 1000):
        for _ in range(count):
            make_sprout(signals={"citations": 3})
        run = planned_run(batch_size=count)
        Run.objects.filter(pk=run.pk).update(status=RunStatus.APPLYING)
        applier = Applier(run, run.lease_token)
        cursor, total = applier._position()
        applier._apply_batch(0, 0)
        assert total == count
        with django_assert_num_queries(6 if applier._connection.vendor == "sqlite" else 5):
            applier._apply_batch(cursor, total)
        applier.close()
        Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED)
        runs.append(run)
    assert AdvancementEvent.objects.count() == 1010


def test_it_skips_a_sprout_that_moved_after_the_plan() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    run = planned_run()
    Sprout.objects.update(tier="tree", revision=F("revision") + 1)
    run = apply(run)
    assert (run.status, run.advanced, run.skipped) == ("succeeded", 0, 1)
    assert reasons(run) == ["It moved to tree after the plan was made."]


def test_it_skips_a_sprout_that_went_up_and_came_back_after_the_plan() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    run = planned_run()
    Sprout.objects.update(revision=F("revision") + 2)
    assert reasons(apply(run)) == ["It changed after the plan was made."]


def test_it_skips_a_sprout_that_was_put_on_hold_after_the_plan() -> None:
    add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3})
    run = planned_run()
    set_hold(sprout.pk, reason="wait", by="operator")
    assert reasons(apply(run)) == ["It was put on hold after the plan was made."]


def test_it_skips_a_sprout_that_no_longer_meets_the_rule() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    run = planned_run()
    SignalAggregation.objects.update(reference_count=2)
    assert reasons(apply(run)) == ["Its signals no longer meet rule a-rule."]


def test_it_skips_a_sprout_that_is_gone() -> None:
    add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3})
    run = planned_run()
    sprout.delete()
    assert reasons(apply(run)) == ["The sprout no longer exists."]


@pytest.mark.parametrize("change", ["edited", "disabled", "archived"])
def test_it_skips_the_moves_of_a_rule_that_changed_after_the_plan(change: str) -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    run = planned_run()
    if change == "archived":
        archive_rule("a-rule", by="operator")
    else:
        add_rule("citations >= 2" if change == "edited" else "citations >= 3", enabled=change == "edited")
    assert reasons(apply(run)) == ["Rule a-rule changed after the plan was made."]


def test_the_other_moves_of_a_batch_are_made_all_the_same() -> None:
    add_rule("citations >= 3")
    sprouts = [make_sprout(signals={"citations": 3}) for _ in range(3)]
    run = planned_run()
    set_hold(sprouts[1].pk, reason="wait", by="operator")
    run = apply(run)
    assert (run.advanced, run.skipped) == (2, 1)


def test_a_newer_signal_is_the_one_on_the_event() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    run = planned_run()
    SignalAggregation.objects.update(reference_count=9)
    apply(run)
    assert AdvancementEvent.objects.get().criteria_met[0]["actual"] == 9


def test_without_the_token_nothing_is_written() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    run = planned_run()
    Run.objects.update(status=RunStatus.APPLYING)
    applier = Applier(run, run.lease_token)
    Run.objects.update(lease_token=F("lease_token") + 1)
    with pytest.raises(LeaseLost):
        applier._apply_batch(0, 1)
    applier.close()
    assert Sprout.objects.get().tier == "sprout"


def test_events_survive_the_sprout_and_keep_its_title() -> None:
    add_rule("citations >= 3")
    sprout = make_sprout(title="notes/elm.md", signals={"citations": 3})
    finished_run()
    sprout.delete()
    assert AdvancementEvent.objects.get().sprout_title == "notes/elm.md"


@pytest.mark.parametrize("model", [AdvancementEvent, RuleVersion])
def test_the_audit_trail_refuses_update_and_delete(model: type) -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    finished_run()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.update(from_tier="grove")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.all()._raw_delete("default")
    assert AdvancementRule.objects.count() == 1


def test_the_initial_tier_never_changes() -> None:
    make_sprout()
    with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
        Sprout.objects.update(initial_tier="grove")


def test_a_sprout_with_all_periods_has_them_all_on_its_event() -> None:
    add_rule("citations >= 1 last_7d")
    sprout = make_sprout(signals={"citations": 30})
    make_signals(sprout, "last_30d", citations=20)
    make_signals(sprout, "last_7d", citations=10)
    finished_run()
    values = AdvancementEvent.objects.get().signal_values
    assert [values[period]["citations"] for period in ("all_time", "last_30d", "last_7d")] == [30, 20, 10]


def test_a_sprout_put_back_behind_its_events_is_skipped_and_does_not_stop_the_others() -> None:
    add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3})
    finished_run()
    key = sprout.pk
    sprout.delete()
    make_sprout(id=key, signals={"citations": 3})
    make_sprout(signals={"citations": 3})
    run = finished_run()
    assert (run.status, run.advanced, run.skipped) == ("succeeded", 1, 1)
    assert "behind its events" in reasons(run)[0]


@pytest.mark.parametrize("change", ["moved before", "removed"])
def test_it_skips_moves_to_a_tier_that_no_longer_comes_after(change: str) -> None:
    add_model("academic", "draft", "paper", "classic")
    add_rule("citations >= 3", lifecycle_model="academic", from_tier="paper", to_tier="classic")
    make_sprout("paper", signals={"citations": 3}, lifecycle_model_id="academic")
    run = planned_run(from_tiers=("paper",))
    classic = Tier.objects.filter(lifecycle_model="academic", slug="classic")
    if change == "removed":
        classic.delete()
    else:
        Tier.objects.filter(lifecycle_model="academic", slug="paper").update(position=50)
    assert reasons(apply(run)) == ["In its lifecycle model classic no longer comes after paper."]
    assert Sprout.objects.get().tier == "paper"
