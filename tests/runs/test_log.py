"""A run's log tells what happened, and keeps nobody from anything."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from advancement.models import Run, RunLogLine
from advancement.models.runs import RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs import log
from advancement.runs.decisions import apply_plan, approve, cancel, discard, resume
from advancement.runs.lease import put_off_if_deadly
from advancement.runs.log import Batches, note
from advancement.runs.override import override_tier
from advancement.runs.schedule import work_off
from advancement.runs.start import RunRequest, claim_date, start_rollback, start_run
from advancement.runs.work import work_on
from tests.factories import add_rule, finished_run, make_sprout, planned_run
from tests.runs.conftest import (
    DAY,
    assert_all_moved_once,
    failing_batches,
    let_lease_expire,
    needs_postgresql,
    plant,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_guardrails", "no_delays")]


def said(run: Run) -> list[str]:
    return list(RunLogLine.objects.filter(run=run).order_by("id").values_list("text", flat=True))


def levels(run: Run) -> list[str]:
    return list(RunLogLine.objects.filter(run=run).order_by("id").values_list("level", flat=True))


def test_a_run_tells_from_its_start_to_its_seal() -> None:
    add_rule("citations >= 3")
    plant(5)
    plant(2, citations=0)
    run = start_run(RunRequest(requested_by="ada", batch_size=2), trigger=RunTrigger.CONSOLE, leased=False)
    work_off()
    lines = said(run)
    assert lines[0] == "Run started by ada, in the console; it waits for the cluster runs."
    assert lines[1].startswith("Taken up by ")
    assert lines[1].endswith(", under token 1.")
    assert lines[2:] == [
        "Planned: 5 moves, 7 candidates evaluated.",
        "Applies: 5 to deal with, up to 2 in a transaction.",
        "Batch 1: 2 advanced; 2 of 5 dealt with.",
        "Batches 2 to 3: 3 advanced; 5 of 5 dealt with.",
        "Finished: 5 advanced.",
        "Sealed: seal 1 over 5 events.",
    ]
    assert set(levels(run)) == {"info"}


def test_lines_have_times_that_do_not_go_back() -> None:
    add_rule("citations >= 3")
    plant(3)
    run = finished_run()
    times = list(RunLogLine.objects.filter(run=run).order_by("id").values_list("at", flat=True))
    assert times == sorted(times)
    assert abs((times[-1] - run.created_at).total_seconds()) < 60


def test_a_scheduled_run_tells_of_its_signals_and_whom_it_replaces(settings: Any) -> None:

    add_rule("citations >= 3")
    older, _ = claim_date(DAY, RunRequest())
    Run.objects.filter(pk=older.pk).update(status="failed", lease_expires_at=None)
    newer, _ = claim_date(DAY + timedelta(days=1), RunRequest())
    work_on(newer.pk, newer.lease_token)
    assert said(newer)[0].startswith(f"Run started, for {DAY + timedelta(days=1)}; ")
    assert said(newer)[1].startswith("Signals refreshed: ")
    assert said(older)[-2] == (
        f"Superseded by run {newer.pk}, a newer one; what was not moved yet is dropped."
    )


def test_errors_are_told_with_the_wait_and_then_the_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, OperationalError("the server is away\nDETAIL"), 4, after=1):
        run = finished_run(batch_size=2)
    assert run.status == "failed"
    warnings = [text for text in said(run) if text.startswith("The database failed")]
    assert warnings == ["The database failed, next try in 0 s: the server is away"] * 3
    assert said(run)[-1].startswith("Failed: the server is away. It is tried again at ")
    assert levels(run)[-4:] == ["warning"] * 3 + ["error"]
    resume(run.pk, by="ada")
    work_off()
    assert_all_moved_once(run, 5)
    later = said(run)[-7:]
    assert later[0] == "ada lets it go on now."
    assert later[1].startswith("Taken up for the 2nd time by ")
    assert later[2] == "Applies from move 3 on: 3 to deal with, up to 2 in a transaction."


def test_decisions_are_told_with_who_and_why(settings: Any) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    add_rule("citations >= 3")
    plant(3)
    run, other = finished_run(), finished_run()
    assert levels(run)[-1] == "warning"
    assert said(run)[-1].startswith("Held, nothing was applied. It would move 3 sprouts")
    approve(run.pk, by="grace", reason="as announced", only=[run.moves.first().sprout_id])
    assert said(run)[-1] == "grace approved it, 1 to make, 2 left out by hand: as announced"
    discard(other.pk, by="grace", reason="too many")
    assert said(other)[-2:] == ["grace discarded it: too many", "Sealed: seal 1 over 0 events."]
    waiting = start_run(RunRequest(), trigger=RunTrigger.CONSOLE, leased=False)
    cancel(waiting.pk, by="ada")
    assert said(waiting)[-2] == "ada cancelled it."
    dry = finished_run(dry_run=True)
    assert said(dry)[-2] == "The dry run is done: nothing was applied."
    assert said(dry)[-1].startswith("A real run would be held.")
    apply_plan(dry.pk, revision=0, by="ada")
    assert said(dry)[-1].startswith("ada applied the plan, which a guardrail holds. ")


def test_what_is_reviewed_before_it_is_taken_back_is_no_dry_run() -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    request = RollbackRequest(run=finished_run().pk, dry_run=True, requested_by="ada", reason="")
    review = start_rollback(request, trigger=RunTrigger.CONSOLE)
    work_on(review.pk, review.lease_token)
    assert said(review)[-1] == "The review is ready: nothing was applied."


def test_a_run_that_kills_its_workers_says_so() -> None:
    deadly = planned_run()
    Run.objects.filter(pk=deadly.pk).update(attempts=5)
    let_lease_expire(deadly)
    assert put_off_if_deadly(deadly.pk)
    assert said(deadly)[-1] == "Failed. Its worker ended without a word, at attempt 5."


def test_an_override_has_a_log_as_well() -> None:
    sprout = make_sprout()
    run = override_tier(sprout.pk, "tree", reason="known", by="ada", trigger=RunTrigger.CONSOLE)
    assert said(run)[0].startswith("Override started by ada, in the console; ")


def test_a_line_that_cannot_be_written_fails_no_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*arguments: Any, **options: Any) -> Any:
        raise OperationalError("no space left on device")

    monkeypatch.setattr(RunLogLine.objects, "using", broken)
    add_rule("citations >= 3")
    plant(5)
    run = start_run(RunRequest(batch_size=2), trigger=RunTrigger.CONSOLE, leased=False)
    work_off()
    assert_all_moved_once(run, 5)
    held = finished_run(dry_run=True)
    discard(held.pk, by="ada", reason="enough")
    held.refresh_from_db()
    assert held.status == "discarded"
    assert "Lines of a run's log are lost: no space left on device" in caplog.text
    assert not RunLogLine.objects.exists()


def test_a_statement_that_the_database_refuses_fails_no_decision_either() -> None:
    """A failing statement breaks PostgreSQL's transaction unless a savepoint is around it."""
    add_rule("citations >= 3")
    run = finished_run(dry_run=True)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE advancement_run_log RENAME TO elsewhere")
    try:
        discard(run.pk, by="ada", reason="enough")
        waiting = start_run(RunRequest(), trigger=RunTrigger.CONSOLE, leased=False)
        assert [done.status for done in work_off()] == ["succeeded"]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO advancement_run_log")
    run.refresh_from_db()
    waiting.refresh_from_db()
    assert (run.status, waiting.status) == ("discarded", "succeeded")
    assert said(waiting) == []


@needs_postgresql
def test_a_line_waits_for_a_locked_run_for_a_moment_only(beside: Any) -> None:
    from django.db import transaction

    run = planned_run()
    before = said(run)
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=run.pk)
        started = time.monotonic()
        beside(lambda: note(run.pk, "in vain")).result(30)
        assert time.monotonic() - started < 5
    assert said(run) == before


def test_many_batches_are_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_000_000))
    monkeypatch.setattr(log.time, "monotonic", lambda: next(clock) / 100)  # a batch takes 10 ms
    batches = Batches("advanced")
    lines = [line for n in range(1, 1001) if (line := batches.after(n * 9, n, n * 10, 10_000)) is not None]
    assert 5 <= len(lines) <= 12
    assert lines[0] == "Batch 1: 9 advanced and 1 skipped; 10 of 10,000 dealt with."
    assert lines[-1].endswith("10,000 of 10,000 dealt with.")
    told = sum(int(line.partition(": ")[2].partition(" ")[0].replace(",", "")) for line in lines)
    assert told == 9_000


def test_a_thousand_batches_write_few_lines_of_a_real_run() -> None:
    add_rule("citations >= 3")
    plant(300)
    run = finished_run(batch_size=1)
    assert_all_moved_once(run, 300)
    seconds = (run.finished_at - run.started_at).total_seconds()
    assert len([text for text in said(run) if text.startswith("Batch")]) <= 3 + seconds / log.BATCHES_EVERY


def test_long_errors_are_cut() -> None:
    run = planned_run()
    note(run.pk, "x" * 100_000)
    assert len(said(run)[-1]) == 2_000
