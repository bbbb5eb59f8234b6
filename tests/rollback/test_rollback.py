"""What a rollback takes back, what it leaves alone and why, and what it writes."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from advancement.criteria.errors import AdvancementError
from advancement.holds import set_hold
from advancement.models import AdvancementEvent, AdvancementRule, Hold, LeftOut, Move, Run, Sprout, Tier
from advancement.runs.decisions import confirm_rollback
from advancement.runs.lease import take_lease
from advancement.runs.work import work_on
from tests.criteria.cast import make_rule
from tests.factories import CREATED, add_model, add_rule, add_rules, finished_run, make_signals, make_sprout
from tests.rollback.cast import advanced, buckets, newest_event, override, rollback, tier, tiers

pytestmark = pytest.mark.django_db


def test_it_puts_the_sprout_back_and_writes_the_event_that_reverses_the_advancement() -> None:
    _, [sprout] = advanced()
    advancement = newest_event(sprout)
    run = rollback(rule="a-rule")
    event = newest_event(sprout)
    assert tier(sprout) == "sprout"
    assert (event.event_type, event.from_tier, event.to_tier) == ("bulk-rollback", "sapling", "sprout")
    assert (event.reverses_id, event.revision, event.run_id) == (advancement.pk, 2, run.pk)
    assert (event.operator_id, event.reason) == ("olga", "Too early.")
    assert (event.rule_id, event.rule_version) == (None, None)
    assert event.criteria_met == []
    assert event.signal_values["all_time"]["citations"] == 3


def test_it_restores_since_when_the_sprout_was_in_its_tier() -> None:
    _, [sprout] = advanced()
    in_sapling_since = newest_event(sprout).timestamp
    rollback(rule="a-rule")
    sprout.refresh_from_db()
    assert sprout.tier_updated_at == CREATED
    assert newest_event(sprout).former_tier_updated_at == in_sapling_since


def test_its_scope_is_a_rule_a_run_or_a_time_range() -> None:
    first, _ = advanced(2)
    make_sprout(signals={"citations": 3})
    second = finished_run()
    add_rules(make_rule("views >= 1", slug="by-views"))
    make_sprout(signals={"views": 1})
    finished_run()
    now = datetime.now(UTC)
    assert buckets(rollback(dry_run=True, rule="by-views")) == {"reverted": 1}
    assert buckets(rollback(dry_run=True, run=first.pk)) == {"reverted": 2}
    assert buckets(rollback(dry_run=True, rule="a-rule", run=second.pk)) == {"reverted": 1}
    assert buckets(rollback(dry_run=True, rule="by-views", run=second.pk)) == {}
    assert buckets(rollback(dry_run=True, since=now - timedelta(hours=1))) == {"reverted": 4}
    assert buckets(rollback(dry_run=True, until=now - timedelta(hours=1))) == {}
    moment = AdvancementEvent.objects.earliest("timestamp").timestamp
    assert buckets(rollback(dry_run=True, since=moment, until=moment))["reverted"] >= 1


def test_a_dry_run_changes_nothing() -> None:
    _, [sprout] = advanced()
    run = rollback(rule="a-rule", dry_run=True, hold=True, disable_rules=True)
    assert run.status == "planned"
    assert tier(sprout) == "sapling"
    assert AdvancementEvent.objects.count() == 1
    assert not Hold.objects.exists()
    assert AdvancementRule.objects.get().active_version.enabled


def test_several_steps_of_one_sprout_are_taken_back_newest_first() -> None:
    add_rules(
        make_rule("citations >= 3", slug="one"),
        make_rule("citations >= 3", slug="two", from_tier="sapling", to_tier="tree"),
    )
    sprouts = [make_sprout(signals={"citations": 3}) for _ in range(3)]
    finished_run()
    finished_run(from_tiers=("sapling",))
    run = rollback(since=CREATED)
    assert buckets(run) == {"reverted": 6}
    for sprout in sprouts:
        assert tier(sprout) == "sprout"
        assert sprout.tier_updated_at == CREATED
        steps = AdvancementEvent.objects.filter(sprout_id=sprout.pk).order_by("revision")
        assert [step.to_tier for step in steps] == ["sapling", "tree", "sapling", "sprout"]
        assert [step.reverses_id for step in steps] == [None, None, steps[1].pk, steps[0].pk]


def test_a_batch_never_holds_two_steps_of_a_sprout() -> None:
    add_rules(
        make_rule("citations >= 3", slug="one"),
        make_rule("citations >= 3", slug="two", from_tier="sapling", to_tier="tree"),
        make_rule("citations >= 9", slug="three", from_tier="tree", to_tier="grove"),
    )
    for citations in (3, 3, 9, 9, 9):
        make_sprout(signals={"citations": citations})
    for tiers_of_run in (("sprout",), ("sapling",), ("tree",)):
        finished_run(from_tiers=tiers_of_run)
    run = rollback(since=CREATED)
    assert buckets(run) == {"reverted": 13}
    assert tiers() == {"sprout": 5}


def test_what_advanced_since_is_left_alone_unless_it_is_unwound() -> None:
    _, [sprout] = advanced()
    add_rules(make_rule("citations >= 3", slug="later", from_tier="sapling", to_tier="tree"))
    finished_run(from_tiers=("sapling",))
    assert buckets(rollback(rule="a-rule")) == {"advanced_since": 1}
    assert tier(sprout) == "tree"
    assert buckets(rollback(rule="a-rule", unwind=True)) == {"reverted": 2}
    assert tier(sprout) == "sprout"


def test_what_was_advanced_and_rolled_back_since_is_no_obstacle() -> None:
    _, [sprout] = advanced()
    add_rules(make_rule("citations >= 3", slug="later", from_tier="sapling", to_tier="tree"))
    finished_run(from_tiers=("sapling",))
    rollback(rule="later")
    assert buckets(rollback(rule="a-rule")) == {"reverted": 1}
    assert tier(sprout) == "sprout"


def test_unwinding_takes_back_nothing_that_it_need_not() -> None:
    _, [sprout] = advanced()
    rollback(rule="a-rule")
    add_rules(make_rule("citations >= 3", slug="again", priority=1))
    finished_run()
    assert newest_event(sprout).rule_id == "again"
    assert buckets(rollback(rule="a-rule", unwind=True)) == {"already_rolled_back": 1}
    assert tier(sprout) == "sapling"


@pytest.mark.parametrize("unwind", [False, True])
def test_a_persons_override_is_never_clobbered(unwind: bool) -> None:
    _, [sprout] = advanced()
    override(sprout, "tree")
    assert buckets(rollback(rule="a-rule", unwind=unwind)) == {"overridden_since": 1}
    assert tier(sprout) == "tree"


def test_an_advancement_above_an_override_can_be_taken_back() -> None:
    _, [sprout] = advanced()
    override(sprout, "sprout")
    run = finished_run()
    assert tier(sprout) == "sapling"
    assert buckets(rollback(rule="a-rule")) == {"reverted": 1, "overridden_since": 1}
    assert tier(sprout) == "sprout"
    assert newest_event(sprout).reverses.run_id == run.pk


def test_what_was_rolled_back_is_not_rolled_back_twice() -> None:
    advanced()
    rollback(rule="a-rule")
    assert buckets(rollback(rule="a-rule")) == {"already_rolled_back": 1}
    assert AdvancementEvent.objects.count() == 2


def test_events_of_sprouts_that_no_longer_exist_are_counted_as_gone() -> None:
    _, sprouts = advanced(2)
    gone = sprouts[0].pk
    sprouts[0].delete()
    run = rollback(rule="a-rule")
    assert buckets(run) == {"reverted": 1, "gone": 1}
    left_out = LeftOut.objects.get(run=run)
    assert (left_out.sprout_id, left_out.reason) == (gone, "The sprout no longer exists.")
    assert AdvancementEvent.objects.get(pk=left_out.event_id).sprout_id == gone


def test_a_way_back_through_a_tier_that_was_removed_is_not_taken() -> None:
    add_model("academic", "draft", "preprint", "published")
    add_rules(make_rule("citations >= 3", lifecycle_model="academic", from_tier="draft", to_tier="preprint"))
    sprout = make_sprout("draft", lifecycle_model_id="academic", signals={"citations": 3})
    finished_run(from_tiers=("draft",))
    Tier.objects.filter(slug="draft").delete()
    assert buckets(rollback(rule="a-rule")) == {"tier_gone": 1}
    assert tier(sprout) == "preprint"


def test_excluded_sprouts_stay() -> None:
    _, sprouts = advanced(2)
    assert buckets(rollback(rule="a-rule", excluded=(sprouts[0].pk,))) == {"reverted": 1, "excluded": 1}
    assert (tier(sprouts[0]), tier(sprouts[1])) == ("sapling", "sprout")


def test_it_ignores_holds_and_criteria() -> None:
    _, [sprout] = advanced()
    Hold.objects.create(sprout=sprout, reason="Wait.", set_at=CREATED, set_by="olga")
    sprout.signal_aggregations.update(reference_count=0)
    assert buckets(rollback(rule="a-rule")) == {"reverted": 1}


def test_on_request_the_sprouts_are_held_so_that_the_next_run_leaves_them_alone() -> None:
    _, [sprout] = advanced()
    until = datetime.now(UTC) + timedelta(days=7)
    run = rollback(rule="a-rule", hold=True, hold_until=until)
    hold = Hold.objects.get()
    assert (hold.sprout_id, hold.reason, hold.set_by, hold.set_by_run_id) == (
        sprout.pk, "Too early.", "olga", run.pk,
    )  # fmt: skip
    assert abs(hold.until - until) < timedelta(milliseconds=1)
    sprout.refresh_from_db()
    assert sprout.revision == 3
    assert finished_run().held == 1
    assert tier(sprout) == "sprout"


def test_a_sprout_of_several_steps_is_held_once_after_the_last() -> None:
    add_rules(
        make_rule("citations >= 3", slug="one"),
        make_rule("citations >= 3", slug="two", from_tier="sapling", to_tier="tree"),
    )
    sprout = make_sprout(signals={"citations": 3})
    finished_run()
    finished_run(from_tiers=("sapling",))
    assert buckets(rollback(since=CREATED, hold=True)) == {"reverted": 2}
    assert (tier(sprout), sprout.revision, Hold.objects.count()) == ("sprout", 5, 1)


def test_without_a_hold_the_next_run_repeats_the_mistake() -> None:
    advanced(2)
    rollback(rule="a-rule")
    assert finished_run().advanced == 2


def test_on_request_the_rules_are_disabled_as_a_new_version() -> None:
    run, _ = advanced()
    add_rules(make_rule("views >= 1", slug="other"))
    rollback(run=run.pk, disable_rules=True)
    version = AdvancementRule.objects.get(pk="a-rule").active_version
    assert (version.enabled, version.number, version.created_by) == (False, 2, "olga")
    assert AdvancementRule.objects.get(pk="other").active_version.enabled
    assert finished_run().advanced == 0


def test_a_sprout_that_changes_between_plan_and_apply_is_skipped_with_the_reason() -> None:
    _, sprouts = advanced(2)
    plan = rollback(rule="a-rule", dry_run=True)
    override(sprouts[0], "tree")
    confirm_rollback(plan.pk, digest=plan.digest, by="olga", reason="Too early.")
    token = take_lease(plan.pk)
    assert token
    run = work_on(plan.pk, token)
    assert buckets(run) == {"reverted": 1, "skipped": 1}
    assert LeftOut.objects.get(run=run).reason == "It moved to tree after the plan was made."
    assert (tier(sprouts[0]), tier(sprouts[1])) == ("tree", "sprout")


def planned_over_two_steps() -> tuple[Run, Sprout]:
    """Return the plan of a rollback that leads a sprout back from tree by sapling to sprout."""
    add_rules(
        make_rule("citations >= 3", slug="one"),
        make_rule("citations >= 3", slug="two", from_tier="sapling", to_tier="tree"),
    )
    sprout = make_sprout(signals={"citations": 3})
    finished_run()
    finished_run(from_tiers=("sapling",))
    return rollback(since=CREATED, dry_run=True), sprout


def confirmed(plan: Run) -> Run:
    confirm_rollback(plan.pk, digest=plan.digest, by="olga", reason="Too early.")
    token = take_lease(plan.pk)
    assert token
    return work_on(plan.pk, token)


def test_an_override_that_comes_to_the_place_of_a_planned_step_is_not_clobbered_by_the_next() -> None:
    plan, sprout = planned_over_two_steps()
    override(sprout, "sapling")
    run = confirmed(plan)
    assert buckets(run) == {"skipped": 2}
    assert tier(sprout) == "sapling"


def test_a_step_that_falls_with_the_one_before_it_is_skipped_with_that_reason() -> None:
    plan, sprout = planned_over_two_steps()
    set_hold(sprout.pk, reason="wait", by="olga")
    run = confirmed(plan)
    reasons = LeftOut.objects.filter(run=run).order_by("id").values_list("reason", flat=True)
    assert list(reasons) == [
        "It was put on hold after the plan was made.",
        "A step before this one was skipped.",
    ]
    assert tier(sprout) == "tree"


def test_the_digest_tells_plans_apart() -> None:
    _, sprouts = advanced(2)
    whole = rollback(rule="a-rule", dry_run=True)
    again = rollback(rule="a-rule", dry_run=True)
    less = rollback(rule="a-rule", dry_run=True, excluded=(sprouts[0].pk,))
    assert whole.digest == again.digest != less.digest
    assert len(whole.digest) == 64


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"reason": "  "}, "A rollback needs a reason; say why these sprouts are to move back."),
        ({"rule": "a-rul"}, 'The rule "a-rul" is unknown; use "a-rule".'),
        ({"run": 999_999}, "There is no run 999999."),
        ({"excluded": (uuid.UUID(int=7),)}, f"There is no sprout {uuid.UUID(int=7)} to exclude."),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(request_: dict[str, object], sentence: str) -> None:
    add_rule("citations >= 3")
    with pytest.raises(AdvancementError) as refusal:
        rollback(**request_)
    assert str(refusal.value) == sentence


def test_runs_of_the_wrong_kind_are_refused_with_the_right_way() -> None:
    run, [sprout] = advanced()
    by_hand = override(sprout, "tree")
    back = rollback(rule="a-rule")
    with pytest.raises(AdvancementError, match=f"Run {back.pk} is a rollback; take it back with --undo"):
        rollback(run=back.pk)
    with pytest.raises(AdvancementError, match=f"Run {run.pk} is an advancement run; roll it back"):
        rollback(undoes=run.pk)
    with pytest.raises(AdvancementError, match=f"Run {by_hand.pk} is an override; set .* with override_tier"):
        rollback(run=by_hand.pk)


def test_nothing_found_is_no_failure() -> None:
    add_rule("citations >= 3")
    run = rollback(rule="a-rule")
    assert (run.status, buckets(run), Move.objects.count()) == ("succeeded", {}, 0)


def test_the_number_of_queries_does_not_depend_on_the_number_of_sprouts(
    settings: Settings,
) -> None:
    settings.ADVANCEMENT_BATCH_SIZE = 1000
    settings.ADVANCEMENT_MAX_SHARE = 1
    counts = []
    add_rule("citations >= 3")
    for number in (1, 10, 300):
        for _ in range(number):
            make_sprout(signals={"citations": 3})
        run = finished_run()
        with CaptureQueriesContext(connection) as queries:
            rollback(run=run.pk, hold=True)
        counts.append(len(queries))
    assert counts[1] == counts[2] == {"sqlite": 75, "postgresql": 94}[connection.vendor]


def test_signals_that_are_gone_do_not_matter() -> None:
    _, [sprout] = advanced()
    sprout.signal_aggregations.all().delete()
    rollback(rule="a-rule")
    assert newest_event(sprout).signal_values["all_time"] is None
    make_signals(sprout, citations=3)
    assert Sprout.objects.get().tier == "sprout"


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite needs no statistics of a plan")
def test_a_large_plan_is_analysed_before_it_is_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    analysed = "ANALYZE advancement_moves"
    advanced(3)
    with CaptureQueriesContext(connection) as queries:
        rollback(rule="a-rule", dry_run=True)
    assert analysed not in [query["sql"] for query in queries]
    monkeypatch.setattr("advancement.runs.work._MANY_MOVES", 3)
    with CaptureQueriesContext(connection) as queries:
        rollback(rule="a-rule", dry_run=True)
    assert analysed in [query["sql"] for query in queries]
