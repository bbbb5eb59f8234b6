"""A rollback's plan under review: what is struck out, what changes meanwhile, what is confirmed."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from advancement.criteria.errors import AdvancementError
from advancement.holds import set_hold
from advancement.models import AdvancementEvent, AdvancementRule, Hold, LeftOut, Move, Run, Sprout, Tier
from advancement.models.runs import RunTrigger
from advancement.rollback.changes import Change, changed_moves, changes_since_planned
from advancement.rollback.rules import rules_rolled_back
from advancement.rollback.scope import RollbackRequest
from advancement.runs.decisions import cancel, confirm_rollback, discard
from advancement.runs.review import ReviewChanged, set_struck
from advancement.runs.schedule import work_off
from advancement.runs.start import start_rollback
from advancement.runs.summary import summarise_rollback
from tests.criteria.cast import make_rule
from tests.factories import CREATED, add_model, add_rules, finished_run, make_sprout
from tests.rollback.cast import advanced, buckets, override, rollback, tier, tiers
from tests.runs.conftest import assert_ledger_holds

pytestmark = pytest.mark.django_db


def strike(plan: Run, *sprouts: Sprout, struck: bool = True) -> int:
    return set_struck(plan.pk, Move.objects.filter(sprout__in=sprouts), struck=struck)


def confirm(plan: Run, **options: Any) -> None:
    plan.refresh_from_db()
    options = {"by": "olga", "reason": "Too early.", "revision": plan.review_revision} | options
    confirm_rollback(plan.pk, digest=plan.digest, **options)


def applied(plan: Run, **options: Any) -> Run:
    confirm(plan, **options)
    [run] = work_off()
    return run


def two_steps(count: int = 2) -> list[Sprout]:
    """Let sprouts advance to sapling by the rule `one` and to tree by the rule `two`."""
    add_rules(
        make_rule("citations >= 3", slug="one"),
        make_rule("citations >= 3", slug="two", from_tier="sapling", to_tier="tree"),
    )
    sprouts = [make_sprout(signals={"citations": 3}) for _ in range(count)]
    finished_run()
    finished_run(from_tiers=("sapling",))
    return sprouts


def test_what_is_struck_out_is_excluded_before_and_after_the_confirmation() -> None:
    _, sprouts = advanced(5)
    sprouts[4].delete()
    plan = rollback(rule="a-rule", dry_run=True)
    assert strike(plan, sprouts[0], sprouts[1]) == 2
    assert buckets(plan) == {"reverted": 2, "excluded": 2, "gone": 1}
    confirm(plan)
    assert buckets(plan) == {"reverted": 2, "excluded": 2, "gone": 1}
    [run] = work_off()
    assert (run.status, run.advanced, run.moves_struck) == ("succeeded", 2, 2)
    assert buckets(run) == {"reverted": 2, "excluded": 2, "gone": 1}
    assert [tier(sprout) for sprout in sprouts[:4]] == ["sapling", "sapling", "sprout", "sprout"]
    assert_ledger_holds()


def test_the_record_names_the_event_that_was_excluded_and_who_confirmed() -> None:
    _, sprouts = advanced(2)
    plan = rollback(rule="a-rule", dry_run=True)
    strike(plan, sprouts[0])
    run = applied(plan, by="pia")
    left_out = LeftOut.objects.get(run=run)
    assert (left_out.bucket, left_out.reason) == ("excluded", "pia took it out of the plan.")
    assert AdvancementEvent.objects.get(pk=left_out.event_id).sprout_id == sprouts[0].pk
    assert not AdvancementEvent.objects.filter(run_id=run.pk, sprout_id=sprouts[0].pk).exists()


def test_what_is_put_back_is_taken_back_as_planned() -> None:
    _, sprouts = advanced(2)
    plan = rollback(rule="a-rule", dry_run=True)
    strike(plan, *sprouts)
    assert strike(plan, sprouts[1], struck=False) == 1
    assert buckets(applied(plan)) == {"reverted": 1, "excluded": 1}
    assert (tier(sprouts[0]), tier(sprouts[1])) == ("sapling", "sprout")


def test_all_steps_of_a_sprout_are_struck_out_together() -> None:
    sprouts = two_steps()
    plan = rollback(since=CREATED, dry_run=True)
    assert set_struck(plan.pk, Move.objects.filter(sprout=sprouts[0].pk, step=2), struck=True) == 2
    assert buckets(plan) == {"reverted": 2, "excluded": 2}
    run = applied(plan, hold=True)
    assert buckets(run) == {"reverted": 2, "excluded": 2}
    assert (tier(sprouts[0]), tier(sprouts[1])) == ("tree", "sprout")
    assert list(Hold.objects.values_list("sprout_id", flat=True)) == [sprouts[1].pk]
    assert_ledger_holds()


def test_exclusions_skips_and_left_outs_add_up() -> None:
    _, sprouts = advanced(6)
    override(sprouts[0], "tree")
    plan = rollback(rule="a-rule", dry_run=True)
    strike(plan, sprouts[1])
    override(sprouts[2], "tree")
    sprouts[3].delete()
    run = applied(plan)
    assert buckets(run) == {"reverted": 2, "excluded": 1, "skipped": 2, "overridden_since": 1}
    assert run.skipped == 2
    assert_ledger_holds()


def test_a_plan_that_is_discarded_with_exclusions_still_adds_up() -> None:
    _, sprouts = advanced(3)
    plan = rollback(rule="a-rule", dry_run=True)
    strike(plan, sprouts[0])
    discard(plan.pk, by="olga", reason="No.")
    assert buckets(plan) == {"skipped": 2, "excluded": 1}


def test_a_confirmed_plan_that_is_cancelled_before_it_starts_adds_up() -> None:
    _, sprouts = advanced(3)
    plan = rollback(rule="a-rule", dry_run=True)
    strike(plan, sprouts[0])
    confirm(plan)
    cancel(plan.pk, by="olga")
    assert buckets(plan) == {"skipped": 2, "excluded": 1}
    assert tiers() == {"sapling": 3}
    assert_ledger_holds()


def test_later_moves_that_are_excluded_do_not_count_as_unwound() -> None:
    sprouts = two_steps()
    plan = rollback(rule="one", unwind=True, dry_run=True)
    assert summarise_rollback(plan)["unwound"] == 2
    strike(plan, sprouts[0])
    assert summarise_rollback(plan)["unwound"] == 1
    run = applied(plan)
    assert summarise_rollback(run)["unwound"] == 1
    assert buckets(run) == {"reverted": 2, "excluded": 2}


def test_a_rollback_less_what_was_excluded_can_be_undone() -> None:
    _, sprouts = advanced(3)
    plan = rollback(rule="a-rule", dry_run=True)
    strike(plan, sprouts[0])
    back = applied(plan, hold=True)
    undo = rollback(undoes=back.pk, dry_run=True)
    assert buckets(undo) == {"reverted": 2}
    strike(undo, sprouts[1])
    run = applied(undo)
    assert buckets(run) == {"reverted": 1, "excluded": 1}
    assert [tier(sprout) for sprout in sprouts] == ["sapling", "sprout", "sapling"]
    held = Hold.objects.filter(released_at__isnull=True).values_list("sprout_id", flat=True)
    assert list(held) == [sprouts[1].pk]
    assert buckets(rollback(undoes=back.pk)) == {"reverted": 1, "already_rolled_back": 1}
    assert_ledger_holds()


def test_rules_whose_every_move_is_excluded_stay_enabled() -> None:
    _, [sprout] = advanced()
    add_rules(make_rule("views >= 1", slug="other"))
    make_sprout(signals={"views": 1})
    finished_run()
    plan = rollback(since=CREATED, dry_run=True)
    assert rules_rolled_back(plan) == ["a-rule", "other"]
    strike(plan, sprout)
    assert rules_rolled_back(plan) == ["other"]
    assert applied(plan, disable_rules=True).rules_disabled == ["other"]
    assert AdvancementRule.objects.get(pk="a-rule").active_version.enabled


def test_what_was_confirmed_cannot_be_struck_out_any_more() -> None:
    _, sprouts = advanced(2)
    plan = rollback(rule="a-rule", dry_run=True)
    confirm(plan)
    with pytest.raises(AdvancementError, match=f"run {plan.pk} was decided about already: it is approved"):
        strike(plan, sprouts[0])
    assert buckets(work_off()[0]) == {"reverted": 2}


def test_a_plan_is_confirmed_once() -> None:
    advanced()
    plan = rollback(rule="a-rule", dry_run=True)
    confirm(plan)
    with pytest.raises(AdvancementError, match="was decided about already: it is approved"):
        confirm(plan)
    work_off()
    with pytest.raises(AdvancementError, match="was decided about already: it is succeeded"):
        confirm(plan)


def test_what_is_confirmed_is_what_was_looked_at() -> None:
    _, sprouts = advanced(2)
    plan = rollback(rule="a-rule", dry_run=True)
    strike(plan, sprouts[0])
    with pytest.raises(ReviewChanged):
        confirm(plan, revision=0)
    other = rollback(rule="a-rule", dry_run=True, excluded=(sprouts[0].pk,))
    with pytest.raises(AdvancementError, match="is not the one that was reviewed; look at it again"):
        confirm_rollback(plan.pk, digest=other.digest, revision=1, by="olga", reason="Too early.")
    plan.refresh_from_db()
    assert (plan.status, plan.dry_run, plan.moves.count()) == ("planned", True, 2)


def test_a_confirmation_that_would_leave_nothing_changes_nothing() -> None:
    _, sprouts = advanced(2)
    plan = rollback(rule="a-rule", dry_run=True)
    strike(plan, *sprouts)
    with pytest.raises(AdvancementError, match="Nothing would be left of the plan"):
        confirm(plan)
    plan.refresh_from_db()
    assert (plan.status, plan.dry_run, plan.moves.count(), plan.left_out.count()) == ("planned", True, 2, 0)
    empty = rollback(rule="a-rule", until=CREATED, dry_run=True)
    with pytest.raises(AdvancementError, match=f"The plan of run {empty.pk} takes nothing back"):
        confirm(empty)


def test_only_plans_of_rollbacks_are_confirmed_with_a_hold_that_lies_ahead() -> None:
    advanced()
    make_sprout(signals={"citations": 3})
    plan, advancing = rollback(rule="a-rule", dry_run=True), finished_run(dry_run=True)
    with pytest.raises(AdvancementError, match=f"Run {advancing.pk} is not the plan of a rollback"):
        confirm_rollback(advancing.pk, digest="", by="olga", reason="?")
    with pytest.raises(
        AdvancementError, match=r"The hold would end at 2025-12-01 00:00 UTC, which has passed"
    ):
        confirm(plan, hold=True, hold_until=CREATED)
    with pytest.raises(AdvancementError, match="A rollback needs a reason"):
        confirm(plan, reason=" ")
    undo = rollback(undoes=rollback(rule="a-rule").pk, dry_run=True)
    for option in ({"hold": True}, {"disable_rules": True}):
        with pytest.raises(
            AdvancementError, match="An undo releases holds; it neither sets any nor disables"
        ):
            confirm(undo, **option)


def test_a_rollback_that_waits_for_the_cluster_is_planned_by_it_and_applied_after_the_confirmation() -> None:
    _, [sprout] = advanced()
    request = RollbackRequest(reason="", requested_by="olga", rule="a-rule", dry_run=True)
    waiting = start_rollback(request, trigger=RunTrigger.CONSOLE, leased=False)
    assert (waiting.status, waiting.started_at, waiting.lease_expires_at) == ("planning", None, None)
    [plan] = work_off()
    assert (plan.pk, plan.status, plan.moves_planned) == (waiting.pk, "planned", 1)
    assert work_off() == []
    until = datetime.now(CREATED.tzinfo) + timedelta(days=14)
    run = applied(plan, hold=True, hold_until=until, disable_rules=True)
    assert (run.status, run.decided_by, run.reason) == ("succeeded", "olga", "Too early.")
    assert run.rules_disabled == ["a-rule"]
    assert Hold.objects.get().set_by_run_id == run.pk
    assert tier(sprout) == "sprout"
    assert_ledger_holds()


def test_a_plan_whose_sprouts_stayed_as_they_were_has_not_changed() -> None:
    two_steps(3)
    plan = rollback(since=CREATED, dry_run=True)
    changes = changes_since_planned(plan)
    assert (changes.counts, changes.sprouts, changes.mark) == ({}, 0, "")
    assert not changed_moves(plan).exists()


def test_each_change_since_the_plan_is_counted_once_by_what_became_of_the_sprout() -> None:
    _, sprouts = advanced(7)
    plan = rollback(rule="a-rule", dry_run=True)
    keys = {sprout.pk for sprout in sprouts[:5]}
    override(sprouts[0], "tree")
    override(sprouts[1], "seed")
    sprouts[2].delete()
    set_hold(sprouts[3].pk, reason="wait", by="olga")
    Sprout.objects.filter(pk=sprouts[4].pk).update(tier="tree")
    override(sprouts[5], "tree")
    strike(plan, sprouts[5])
    changes = changes_since_planned(plan)
    assert changes.counts == {Change.OVERRIDDEN: 2, Change.DELETED: 1, Change.HELD: 1, Change.OTHER: 1}
    assert {move.sprout_id for move in changed_moves(plan)} == keys
    before = changes.mark
    add_rules(make_rule("citations >= 3", slug="later", from_tier="sapling", to_tier="tree"))
    finished_run(from_tiers=("sapling",))
    assert changes_since_planned(plan).counts[Change.ADVANCED] == 1
    assert changes_since_planned(plan).mark != before
    assert buckets(applied(plan)) == {"excluded": 1, "skipped": 6}


def test_the_same_number_of_other_changes_is_another_state() -> None:
    _, sprouts = advanced(2)
    plan = rollback(rule="a-rule", dry_run=True)
    marks = set()
    for sprout in sprouts:
        Sprout.objects.filter(pk=sprout.pk).update(tier="tree")
        marks.add(changes_since_planned(plan).mark)
        Sprout.objects.filter(pk=sprout.pk).update(tier="sapling")
    assert len(marks) == 2


def test_a_sprout_of_several_steps_that_changed_counts_once() -> None:
    sprouts = two_steps(2)
    plan = rollback(since=CREATED, dry_run=True)
    sprouts[0].delete()
    override(sprouts[1], "grove")
    assert changes_since_planned(plan).counts == {Change.DELETED: 1, Change.OVERRIDDEN: 1}
    assert changed_moves(plan).count() == 2


def test_a_way_back_that_was_removed_meanwhile_is_a_change_at_any_step() -> None:
    add_model("academic", "draft", "preprint", "published")
    add_rules(
        make_rule("citations >= 3", lifecycle_model="academic", from_tier="draft", to_tier="preprint"),
        make_rule(
            "views >= 0", slug="b", lifecycle_model="academic", from_tier="preprint", to_tier="published"
        ),
    )
    make_sprout("draft", lifecycle_model_id="academic", signals={"citations": 3})
    finished_run(from_tiers=("draft",))
    finished_run(from_tiers=("preprint",))
    plan = rollback(since=CREATED, dry_run=True)
    assert plan.moves_planned == 2
    Tier.objects.filter(slug="draft").delete()
    assert changes_since_planned(plan).counts == {Change.TIER_GONE: 1}
    assert changed_moves(plan).count() == 1
