"""What happens beside a run, on other connections, while it moves sprouts."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Barrier
from typing import Any

import pytest
from django.db.models import F

from advancement.holds import set_hold
from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    LeftOut,
    RuleVersion,
    Run,
    SignalAggregation,
    Sprout,
)
from advancement.rulebook.drafts import save_draft
from advancement.rulebook.errors import NewerVersion
from advancement.rulebook.saving import save_rules
from advancement.rulebook.switching import archive_rule
from advancement.runs.lease import take_lease
from advancement.runs.work import work_on
from tests.criteria.cast import make_rule
from tests.factories import add_rule, finished_run, planned_run
from tests.runs.conftest import (
    Beside,
    assert_all_moved_once,
    assert_ledger_holds,
    end_of,
    manage,
    needs_postgresql,
    open_transaction,
    plant,
    somebody_waits_for_a_lock,
    start_manage,
    wait_until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_guardrails")]


def finish(run: Run) -> Callable[[], Run]:
    return lambda: work_on(run.pk, run.lease_token)


def in_a_waiting_batch(beside: Beside, run: Run, locked: Sprout, change: Callable[[], Any]) -> Run:
    """Let the run's batch wait for one sprout's row, make a change there, and let the batch go on."""
    with open_transaction():
        Sprout.objects.select_for_update().get(pk=locked.pk)
        applying: Future[Run] = beside(finish(run))
        wait_until(somebody_waits_for_a_lock)
        change()
    return applying.result(60)


def skipped(run: Run) -> list[tuple[Any, str]]:
    return list(LeftOut.objects.filter(run=run, bucket="skipped").values_list("sprout_id", "reason"))


@needs_postgresql
@pytest.mark.parametrize("batch_size", [1, 4, 10])
def test_a_sprout_whose_tier_changes_under_a_batch_is_skipped(beside: Beside, batch_size: int) -> None:
    add_rule("citations >= 3")
    sprouts = plant(10)
    run = in_a_waiting_batch(
        beside,
        planned_run(batch_size=batch_size),
        sprouts[4],
        lambda: Sprout.objects.filter(pk=sprouts[4].pk).update(tier="tree", revision=F("revision") + 1),
    )
    assert (run.status, run.advanced, run.skipped) == ("succeeded", 9, 1)
    assert skipped(run) == [(sprouts[4].pk, "It moved to tree after the plan was made.")]
    assert Sprout.objects.get(pk=sprouts[4].pk).tier == "tree"
    assert Sprout.objects.filter(tier="sapling").count() == AdvancementEvent.objects.count() == 9


@needs_postgresql
def test_a_sprout_that_is_put_on_hold_under_a_batch_is_skipped(beside: Beside) -> None:
    add_rule("citations >= 3")
    sprouts = plant(10)
    run = in_a_waiting_batch(
        beside, planned_run(), sprouts[4], lambda: set_hold(sprouts[4].pk, reason="wait", by="operator")
    )
    assert (run.status, run.advanced) == ("succeeded", 9)
    assert skipped(run) == [(sprouts[4].pk, "It was put on hold after the plan was made.")]


@needs_postgresql
def test_a_sprout_that_goes_up_and_back_under_a_batch_is_skipped(beside: Beside) -> None:
    add_rule("citations >= 3")
    sprouts = plant(3)
    run = in_a_waiting_batch(
        beside,
        planned_run(),
        sprouts[1],
        lambda: Sprout.objects.filter(pk=sprouts[1].pk).update(revision=F("revision") + 2),
    )
    assert skipped(run) == [(sprouts[1].pk, "It changed after the plan was made.")]


@needs_postgresql
def test_a_sprout_that_is_deleted_under_a_batch_is_skipped(beside: Beside) -> None:
    add_rule("citations >= 3")
    sprouts = plant(3)
    run = in_a_waiting_batch(beside, planned_run(), sprouts[1], sprouts[1].delete)
    assert (run.advanced, run.skipped) == (2, 1)
    assert [reason for _, reason in skipped(run)] == ["The sprout no longer exists."]


@needs_postgresql
def test_what_touches_a_sprout_without_changing_it_makes_no_difference(beside: Beside) -> None:
    add_rule("citations >= 3")
    sprouts = plant(3)
    run = in_a_waiting_batch(
        beside,
        planned_run(),
        sprouts[1],
        lambda: Sprout.objects.filter(pk=sprouts[1].pk).update(title="notes/renamed.md"),
    )
    assert_all_moved_once(run, 3)


@needs_postgresql
@pytest.mark.parametrize("change", ["edited", "disabled", "archived"])
def test_a_rule_that_changes_while_a_batch_waits_for_it_moves_nothing(beside: Beside, change: str) -> None:
    add_rule("citations >= 3")
    plant(4)
    run = planned_run(batch_size=2)
    with open_transaction():
        if change == "archived":
            archive_rule("a-rule", by="operator")
        else:
            add_rule("citations >= 1" if change == "edited" else "citations >= 3", enabled=change == "edited")
        applying = beside(finish(run))
        wait_until(somebody_waits_for_a_lock)
    run = applying.result(60)
    assert (run.status, run.advanced, run.skipped) == ("succeeded", 0, 4)
    assert {reason for _, reason in skipped(run)} == {"Rule a-rule changed after the plan was made."}


@needs_postgresql
def test_a_rule_is_not_edited_in_the_middle_of_a_batch(beside: Beside) -> None:
    add_rule("citations >= 3")
    sprouts = plant(4)
    run = planned_run()
    with open_transaction():
        Sprout.objects.select_for_update().get(pk=sprouts[2].pk)
        applying = beside(finish(run))
        wait_until(somebody_waits_for_a_lock)
        editing = beside(lambda: add_rule("citations >= 99"))
        time.sleep(0.2)
        assert not editing.done()
    assert_all_moved_once(applying.result(60), 4)
    assert editing.result(60).number == 2


@needs_postgresql
def test_signals_that_fall_under_a_run_stop_the_batches_after_it(beside: Beside) -> None:
    add_rule("citations >= 3")
    sprouts = sorted(plant(4), key=lambda sprout: str(sprout.pk))
    run = in_a_waiting_batch(
        beside,
        planned_run(batch_size=1),
        sprouts[1],
        lambda: SignalAggregation.objects.update(reference_count=0),
    )
    assert (run.advanced, run.skipped) == (2, 2)
    assert {reason for _, reason in skipped(run)} == {"Its signals no longer meet rule a-rule."}


def test_two_runs_over_the_same_sprouts_move_each_of_them_once_between_them(beside: Beside) -> None:
    add_rule("citations >= 3")
    plant(60)
    runs = [planned_run(batch_size=2) for _ in range(2)]
    barrier = Barrier(2)

    def work(run: Run) -> Run:
        barrier.wait(30)
        return work_on(run.pk, run.lease_token)

    ended = [future.result(60) for future in [beside(lambda run=run: work(run)) for run in runs]]
    assert [run.status for run in ended] == ["succeeded"] * 2
    assert sorted(run.advanced for run in ended) == [0, 60]
    assert sorted(run.skipped for run in ended) == [0, 60]
    for run in ended:
        assert_all_moved_once(run, 60)


def test_two_runs_with_plans_of_their_own_take_one_step_each(beside: Beside) -> None:
    add_rule("citations >= 3", slug="first")
    add_rule("citations >= 3", slug="second", from_tier="sapling", to_tier="tree")
    plant(30)
    everywhere = {"from_tiers": ("sprout", "sapling")}
    for future in [beside(lambda: finished_run(**everywhere)) for _ in range(2)]:
        assert future.result(60).status == "succeeded"
    for sprout in Sprout.objects.all():
        events = AdvancementEvent.objects.filter(sprout_id=sprout.pk)
        assert events.count() == events.values("run_id").distinct().count() == sprout.revision <= 2
    assert_ledger_holds()


def test_two_commands_at_once_both_end_well() -> None:
    add_rule("citations >= 3")
    plant(100)
    commands = [start_manage("run_advancement", "--batch-size", "5", "--json") for _ in range(2)]
    ended = [end_of(command) for command in commands]
    assert [command.code for command in ended] == [0, 0], [command.err for command in ended]
    assert sum(command.json["advanced"] for command in ended) == 100
    assert_ledger_holds()


def test_a_run_that_waited_in_vain_for_another_says_so_and_is_resumed_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("advancement.runs.work.PATIENCE", 0.2)
    monkeypatch.setattr("advancement.runs.work._POLL", 0.05)
    add_rule("citations >= 3")
    plant(5)
    other, run = planned_run(), planned_run()
    Run.objects.filter(pk=other.pk).update(status="applying")
    phases: list[str] = []
    run = work_on(run.pk, run.lease_token, progress=lambda phase, done, total: phases.append(phase))
    assert (run.status, run.error) == ("failed", f"Run {other.pk} is still being applied.")
    assert set(phases) == {f"waiting for run {other.pk}"}
    assert run.retry_at is not None
    work_on(other.pk, other.lease_token)
    token = take_lease(run.pk)
    assert token
    assert work_on(run.pk, token).skipped == 5


def test_an_applying_override_keeps_no_run_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advancement.runs.work.PATIENCE", 0)
    add_rule("citations >= 3")
    plant(2)
    Run.objects.create(
        kind="override",
        trigger="console",
        status="applying",
        batch_size=1,
        created_at=planned_run().created_at,
        lease_expires_at=planned_run().lease_expires_at,
    )
    assert finished_run().status == "succeeded"


def test_a_hold_set_between_two_runs_counts_in_the_second() -> None:
    add_rule("citations >= 3")
    sprouts = plant(3)
    set_hold(sprouts[0].pk, reason="wait", by="operator")
    ended = manage("run_advancement", "--json")
    assert (ended.json["advanced"], ended.json["held"]) == (2, 1)


@needs_postgresql
def test_rules_saved_in_different_orders_at_once_are_all_saved(beside: Beside) -> None:
    slugs = [f"rule-{letter}" for letter in "abcdefgh"]
    barrier = Barrier(4)

    def save(order: list[str], threshold: int) -> None:
        barrier.wait(30)
        save_rules([make_rule(f"citations >= {threshold}", slug=slug) for slug in order], by="tests")

    orders = [slugs, slugs[::-1], slugs[4:] + slugs[:4], slugs]
    saving = [
        beside(lambda order=order, n=n: save(order, n))  # type: ignore[misc]
        for n, order in enumerate(orders, start=1)
    ]
    for future in saving:
        future.result(60)
    assert AdvancementRule.objects.filter(active_version__isnull=False).count() == len(slugs)


@needs_postgresql
def test_of_several_who_save_a_draft_on_the_same_version_all_but_one_are_told(beside: Beside) -> None:
    add_rule("citations >= 3")
    barrier = Barrier(8)

    def save(threshold: int) -> int | str:
        barrier.wait(30)
        try:
            return save_draft(make_rule(f"citations >= {threshold}"), by="x", based_on=1).number
        except NewerVersion as newer:
            return f"told of {newer.version.number}"

    saving = [beside(lambda n=n: save(n)) for n in range(10, 18)]  # type: ignore[misc]
    assert sorted(str(future.result(60)) for future in saving) == ["2"] + ["told of 2"] * 7
    assert list(RuleVersion.objects.order_by("number").values_list("number", flat=True)) == [1, 2]
