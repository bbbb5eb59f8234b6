"""What becomes of a failed run when the next night comes."""

from datetime import timedelta

import pytest
from django.db import DataError
from django.db.models import F

from advancement.models import Run
from advancement.runs.lease import abandoned
from advancement.runs.schedule import resume_abandoned, work_off
from advancement.runs.start import RunRequest, claim_date
from advancement.runs.summary import summarise
from advancement.runs.work import work_on
from tests.factories import add_rule, finished_run
from tests.runs.conftest import (
    DAY,
    failing_batches,
    plant,
)

pytestmark = pytest.mark.django_db(transaction=True)


def earlier_night(**request: int) -> Run:
    """Do the scheduled run of the day before."""
    run, _ = claim_date(DAY - timedelta(days=1), RunRequest(**request))
    return work_on(run.pk, run.lease_token)


def test_a_newer_date_supersedes_a_failed_run_and_its_open_moves_count_as_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, DataError("broken"), 1, after=1):
        failed = earlier_night(batch_size=2)
    assert failed.status == "failed"
    newer, _ = claim_date(DAY, RunRequest())
    newer = work_on(newer.pk, newer.lease_token)
    assert (newer.status, newer.advanced) == ("succeeded", 3)
    failed.refresh_from_db()
    assert (failed.status, failed.superseded_by_id, failed.retry_at) == ("cancelled", newer.pk, None)
    summary = summarise(failed)
    assert (summary["advanced"], summary["skipped"], summary["failed"]) == (2, 3, 0)
    assert work_off() == []


def test_a_newer_date_leaves_a_failed_extra_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, DataError("broken"), 1):
        failed = finished_run()
    newer, _ = claim_date(DAY, RunRequest())
    work_on(newer.pk, newer.lease_token)
    failed.refresh_from_db()
    assert failed.status == "failed"


def test_an_extra_run_supersedes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, DataError("broken"), 1):
        failed = finished_run()
    finished_run()
    failed.refresh_from_db()
    assert failed.status == "failed"


def test_a_newer_plan_whose_worker_died_before_superseding_does_so_when_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, DataError("broken"), 1):
        failed = earlier_night()
    newer, _ = claim_date(DAY, RunRequest())
    with monkeypatch.context() as patch:
        patch.setattr("advancement.runs.work._Worker._supersede_older", lambda self: 1 / 0)
        assert work_on(newer.pk, newer.lease_token).status == "failed"
    Run.objects.filter(pk=newer.pk).update(retry_at=F("created_at"))
    assert [run.pk for run in resume_abandoned()] == [newer.pk]
    failed.refresh_from_db()
    assert failed.status == "cancelled"


def test_a_run_that_fails_keeps_nobody_from_the_night_that_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    add_rule("citations >= 3")
    plant(5)
    with failing_batches(monkeypatch, DataError("broken"), 2):
        failing = finished_run()
        Run.objects.update(retry_at=F("created_at"))
        monkeypatch.setattr("advancement.runs.schedule.due_date", lambda using: DAY)
        again, night = work_off()
    assert (again.pk, again.status) == (failing.pk, "failed")
    assert (night.logical_date, night.status, night.advanced) == (DAY, "succeeded", 5)
    assert not abandoned().exists()
