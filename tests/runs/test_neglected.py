"""What people asked the clusters for and nobody takes up is told."""

from datetime import timedelta

import pytest
from django.urls import reverse

from advancement.database.clock import database_now
from advancement.diagnostics.report import diagnose
from advancement.importing.uploads import confirm, receive, work_on_uploads
from advancement.models import Run, SignalRequest, Upload
from advancement.models.runs import RunTrigger
from advancement.runs.asked_for import asked_for_fault
from advancement.runs.refreshing import ask_for_refresh, refresh_state
from advancement.runs.start import RunRequest, start_run
from advancement.runs.waiting import waiting, waits_because
from tests.console.people import viewer
from tests.console.runs_cast import words
from tests.importing.conftest import jsonl, sprout_row

pytestmark = pytest.mark.django_db

LONG = timedelta(minutes=5)


def sent() -> Upload:
    return receive("sprouts", "new.jsonl", [jsonl(sprout_row()).encode()], by="ada")


def let_time_pass(**more: object) -> None:
    long_ago = database_now() - LONG
    Upload.objects.update(waits_since=long_ago, **more)
    SignalRequest.objects.update(asked_at=long_ago, **more)


def test_what_was_just_asked_for_is_given_time() -> None:
    sent()
    ask_for_refresh(by="ada")
    assert asked_for_fault() is None


def test_what_nobody_takes_up_is_told_in_health_and_in_the_diagnostics() -> None:
    sent()
    sent()
    ask_for_refresh(by="ada")
    let_time_pass()
    fault = "Nobody takes up 2 imports and a refresh of the signals: see that the cluster runs is running."
    assert asked_for_fault() == fault
    assert fault in viewer().get(reverse("console:health")).text
    assert fault in str(diagnose())


def test_what_lost_its_worker_and_found_no_other_is_told() -> None:
    sent()
    let_time_pass(lease_expires_at=database_now() - LONG)
    assert "an import" in str(asked_for_fault())


def test_what_somebody_works_on_or_comes_after_a_run_is_not() -> None:
    sent()
    let_time_pass()
    start_run(RunRequest(), trigger=RunTrigger.COMMAND)
    assert asked_for_fault() is None
    Run.objects.update(lease_expires_at=None)
    assert asked_for_fault()
    let_time_pass(lease_expires_at=database_now() + LONG)
    assert asked_for_fault() is None


def test_a_file_that_waited_long_to_be_confirmed_waits_for_a_worker_from_then_on() -> None:
    upload = sent()
    work_on_uploads()
    let_time_pass()
    confirm(upload.pk)
    assert asked_for_fault() is None
    let_time_pass()
    assert asked_for_fault()


def test_what_comes_after_an_import_is_not_neglected_and_says_what_it_waits_for() -> None:
    upload = sent()
    sent()
    ask_for_refresh(by="ada")
    run = start_run(RunRequest(), trigger=RunTrigger.CONSOLE, leased=False)
    let_time_pass()
    Run.objects.update(created_at=database_now() - LONG)
    Upload.objects.filter(pk=upload.pk).update(lease_expires_at=database_now() + LONG)
    assert asked_for_fault() is None
    state = refresh_state()
    assert state.behind is not None
    assert (state.behind.words, state.unattended) == ("an import", False)
    run.refresh_from_db()
    assert waits_because(waiting(run)) == "The cluster runs works on an import; this one comes after it."
    assert "It waits for an import, which is being worked on" in words(
        viewer().get(reverse("console:signals"))
    )


def test_what_comes_after_a_refresh_says_so() -> None:
    ask_for_refresh(by="ada")
    run = start_run(RunRequest(), trigger=RunTrigger.CONSOLE, leased=False)
    Run.objects.update(created_at=database_now() - LONG)
    SignalRequest.objects.update(lease_expires_at=database_now() + LONG)
    run.refresh_from_db()
    assert "works on a refresh of the signals" in str(waits_because(waiting(run)))
