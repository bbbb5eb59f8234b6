"""Whatever happens in the ordinary way, the ledger holds."""

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings

from advancement.apply import Applier
from advancement.holds import release_hold, set_hold
from advancement.ledger.seals import seal_finished_runs
from advancement.ledger.verify import verify_ledger
from advancement.models import AdvancementEvent, Run, Seal, Sprout
from advancement.runs.decisions import approve, discard
from advancement.runs.lease import take_lease
from advancement.runs.work import work_on
from tests.factories import CREATED, add_rule, finished_run, make_signals, planned_run
from tests.importing.conftest import jsonl, run, sprout_row
from tests.importing.conftest import write as write
from tests.ledger.conftest import Grove, findings, take_back
from tests.rollback.cast import override, rollback
from tests.runs.conftest import plant
from tests.test_sample_grove import plant as plant_sample_grove

pytestmark = pytest.mark.django_db


def test_an_empty_one() -> None:
    assert findings() == []


def test_after_a_run(grove: Grove) -> None:
    assert findings() == []
    assert {check.name: check.checked for check in verify_ledger().checks} | {"triggers": 0} == {
        "tiers": 3,
        "steps": 2,
        "revisions": 3,
        "reversals": 0,
        "event_runs": 2,
        "event_moves": 2,
        "run_totals": 1,
        "moves": 2,
        "triggers": 0,
        "seals": 1,
        "sealed_runs": 1,
        "seal_runs": 1,
    }


def test_after_a_second_step_and_a_dry_run(grove: Grove) -> None:
    add_rule("citations >= 3", slug="onward", from_tier="sapling", to_tier="tree")
    finished_run(from_tiers=("sapling",), dry_run=True)
    finished_run(from_tiers=("sapling",))
    assert AdvancementEvent.objects.filter(revision=2).count() == 2
    assert findings() == []


def test_after_holds_were_set_and_released(grove: Grove) -> None:
    hold = set_hold(grove.moved.pk, reason="wait", by="tests")
    set_hold(grove.moved.pk, reason="wait longer", by="tests")
    release_hold(hold, by="tests")
    set_hold(grove.stayed.pk, reason="wait", by="tests")
    assert findings() == []


def test_after_sprouts_were_deleted(grove: Grove) -> None:
    set_hold(grove.moved.pk, reason="wait", by="tests")
    Sprout.objects.all().delete()
    assert findings() == []


def test_after_a_deleted_sprout_came_back_and_advanced(grove: Grove, write: Callable[..., str]) -> None:
    hold = set_hold(grove.moved.pk, reason="wait", by="tests")
    release_hold(hold, by="tests")
    key = str(grove.moved.pk)
    grove.moved.delete()
    assert run("import_sprouts", write(jsonl(sprout_row(id=key, tier="seed")))).code == 0
    assert Sprout.objects.get(pk=key).revision == 3
    assert findings() == []
    add_rule("citations >= 3", slug="onward", from_tier="sapling", to_tier="tree")
    make_signals(Sprout.objects.get(pk=key), citations=3)
    finished_run(from_tiers=("sapling",))
    assert AdvancementEvent.objects.get(sprout_id=key, revision=4).to_tier == "tree"
    assert findings() == []


@pytest.mark.parametrize("decide", [approve, discard])
def test_after_a_held_run_was_decided_about(decide: Callable[..., None], settings: Settings) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    add_rule("citations >= 3")
    plant(3)
    held = finished_run()
    assert (held.status, findings()) == ("held", [])
    decide(held.pk, by="tests", reason="because")
    if token := take_lease(held.pk):
        work_on(held.pk, token)
    assert Seal.objects.get().run_id == held.pk
    assert findings() == []


def test_in_the_middle_of_a_run_that_failed_and_is_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    add_rule("citations >= 3")
    plant(4)
    planned = planned_run(batch_size=2)
    make_moves = Applier._make_moves

    def fail_later(self: Applier, cursor: object, low: int, high: int) -> int:
        if low:
            raise ValueError("a defect")
        return make_moves(self, cursor, low, high)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Applier, "_make_moves", fail_later)
        failed = work_on(planned.pk, planned.lease_token)
    assert (failed.status, failed.cursor, Seal.objects.count()) == ("failed", 2, 0)
    assert findings() == []
    token = take_lease(failed.pk)
    assert token is not None
    assert Run.objects.get().status == "planned"
    assert findings() == []
    work_on(failed.pk, token)
    assert Seal.objects.get().events == 4
    assert findings() == []


def test_after_a_rollback_and_its_undoing(grove: Grove) -> None:
    rollback = take_back(grove.event)
    take_back(rollback)
    seal_finished_runs()
    assert Seal.objects.count() == 3
    assert findings() == []


def test_after_a_rollback_of_several_steps_its_undoing_and_an_override(grove: Grove) -> None:
    add_rule("citations >= 3", slug="onward", from_tier="sapling", to_tier="tree")
    finished_run(from_tiers=("sapling",))
    back = rollback(since=CREATED, hold=True)
    assert findings() == []
    rollback(undoes=back.pk)
    override(grove.moved, "grove", hold=True)
    assert back.advanced == 4
    assert findings() == []


def test_the_sample_grove_after_its_runs() -> None:
    plant_sample_grove("2026-03-06T00:00:00Z")
    call_command("run_advancement", "--dry-run")
    call_command("run_advancement")
    assert AdvancementEvent.objects.count() == 204
    assert findings() == []


@pytest.mark.parametrize("sprouts", [10, 1000])
def test_it_takes_as_many_queries_for_ten_sprouts_as_for_a_thousand(
    sprouts: int, no_limits: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    add_rule("citations >= 3")
    plant(sprouts)
    assert finished_run().advanced == sprouts
    with django_assert_num_queries(51 if connection.vendor == "sqlite" else 53):
        assert verify_ledger().found == 0


@pytest.fixture
def no_limits(settings: Settings) -> None:
    settings.ADVANCEMENT_MAX_SHARE = 1.0
