"""Runs are sealed when they end, by whoever is there, and sealing fails none of them."""

import logging
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from pytest_django import Settings

from advancement import tasks
from advancement.ledger.seals import seal_finished_runs
from advancement.ledger.verify import verify_ledger
from advancement.models import Run, Seal
from advancement.models.runs import RunTrigger
from advancement.runs.sealing import seal_ended_runs
from advancement.runs.start import RunRequest, start_run
from advancement.runs.work import work_on
from tests.database.rows import run_values, saved
from tests.factories import CREATED, add_rule, finished_run
from tests.runs.conftest import (
    DAY,
    Beside,
    needs_postgresql,
    plant,
    somebody_waits_for_a_lock,
    wait_until,
)


def ended_runs(count: int) -> None:
    for _ in range(count):
        saved(run_values(finished_at=CREATED))


@pytest.mark.django_db
def test_a_run_is_sealed_at_its_end() -> None:
    add_rule("citations >= 3")
    plant(3)
    run = finished_run()
    seal = Seal.objects.get()
    assert (seal.run_id, seal.events) == (run.pk, 3)


@pytest.mark.django_db
def test_a_dry_run_and_a_run_that_is_held_are_not_sealed(settings: Settings) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    add_rule("citations >= 3")
    plant(3)
    assert finished_run(dry_run=True).status == "planned"
    assert finished_run().status == "held"
    assert not Seal.objects.exists()


@pytest.mark.django_db
def test_a_run_that_another_one_supersedes_is_sealed_before_that_one_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older = saved(run_values(trigger="schedule", logical_date="2026-03-01", status="held"))
    sealed: list[list[int]] = []
    monkeypatch.setattr(
        "advancement.runs.work._Worker._start_applying",
        lambda self: sealed.append(list(Seal.objects.values_list("run_id", flat=True))),
    )
    add_rule("citations >= 3")
    plant(1)
    run = start_scheduled()
    work_on(run.pk, run.lease_token)
    assert sealed == [[older.pk]]


def start_scheduled() -> Run:
    run = start_run(RunRequest(), trigger=RunTrigger.COMMAND)
    Run.objects.filter(pk=run.pk).update(trigger="schedule", logical_date=DAY)
    return run


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (DatabaseError("the disk is full\nHINT: buy one"), "are not sealed yet: the disk is full\n"),
        (ValueError("a defect"), "cannot be sealed, on a defect"),
    ],
)
def test_a_failure_to_seal_fails_no_run_and_the_next_tick_makes_up_for_it(
    error: Exception, logged: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise error

    add_rule("citations >= 3")
    plant(3)
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr("advancement.ledger.seals.head_of_chain", fail)
        run = finished_run()
    assert (run.status, run.advanced, Seal.objects.count()) == ("succeeded", 3, 0)
    assert logged in caplog.text
    assert tasks.tick() is False
    assert Seal.objects.get().run_id == run.pk


@pytest.mark.django_db
def test_an_interruption_of_sealing_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**options: Any) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interruption:
            raise DatabaseError("the driver is upset") from interruption

    monkeypatch.setattr("advancement.runs.sealing.seal_finished_runs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        seal_ended_runs()


@pytest.mark.django_db(transaction=True)
def test_sealers_at_the_same_time_make_one_chain(beside: Beside) -> None:
    ended_runs(40)
    sealers = [beside(seal_finished_runs) for _ in range(4)]
    assert sum(sealer.result() for sealer in sealers) == 40
    assert list(Seal.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 41))
    assert [c.findings for c in verify_ledger().checks if c.name == "seals"] == [[]]


@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_sealer_waits_for_the_one_before_it_and_continues_its_chain(beside: Beside) -> None:
    ended_runs(1)
    with transaction.atomic():
        seal_finished_runs()
        ended_runs(1)
        other = beside(seal_finished_runs)
        wait_until(somebody_waits_for_a_lock)
    assert other.result() == 1
    first, second = Seal.objects.order_by("number")
    assert second.previous_hash == first.hash
