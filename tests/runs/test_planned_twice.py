"""A scheduled run that refreshes the signals a second time still sees that they have collapsed."""

import pytest
from django.db import OperationalError

from advancement.evaluation.plan import make_plan
from advancement.models import AdvancementEvent, Run, SignalRefresh
from advancement.runs.schedule import run_scheduled
from advancement.runs.start import RunRequest
from tests.factories import add_rule, refreshed
from tests.runs.conftest import DAY, plant

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_delays")]


def let_planning_fail(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let the plan fail, so often, after the signals were refreshed."""
    failures = iter([OperationalError("the server is away")] * times)

    def fail_or_plan(run: Run, token: int, *, using: str) -> None:
        if error := next(failures, None):
            raise error
        make_plan(run, token, using=using)

    monkeypatch.setattr("advancement.runs.work.make_plan", fail_or_plan)


def grow_and_collapse() -> None:
    """Plant sprouts whose signals once were many more."""
    add_rule("citations >= 3")
    plant(3)
    refreshed({"botanical": {"reference_count": 700}})


def assert_stopped(run: Run, refreshes: int) -> None:
    assert SignalRefresh.objects.filter(kind="aggregation").count() == refreshes
    assert (run.status, run.blocked, run.moves_planned) == ("succeeded", 3, 0)
    assert "fell from 700 to 9 since" in run.stopped_rules[0]["reason"]
    assert not AdvancementEvent.objects.exists()


@pytest.mark.parametrize("failures", [0, 1, 3])
def test_at_a_retry(monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
    grow_and_collapse()
    let_planning_fail(monkeypatch, failures)
    run, _ = run_scheduled(DAY, RunRequest())
    assert_stopped(run, refreshes=failures + 1)


def test_when_a_run_that_failed_without_a_plan_is_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    grow_and_collapse()
    let_planning_fail(monkeypatch, 4)
    failed, _ = run_scheduled(DAY, RunRequest())
    assert (failed.status, failed.planned_at) == ("failed", None)
    run, resumed = run_scheduled(DAY, RunRequest())
    assert resumed
    assert_stopped(run, refreshes=5)
