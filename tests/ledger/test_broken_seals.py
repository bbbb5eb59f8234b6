"""Tampering with sealed events or with the seals is found, and named by run and seal."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from advancement.ledger.hashes import EVENT_COLUMNS
from advancement.models import AdvancementEvent, Run, Seal
from tests.database.rows import event_values, run_values, saved, seal_values
from tests.factories import CREATED, finished_run
from tests.ledger.conftest import Grove, findings, make_anew, tampering

pytestmark = pytest.mark.django_db

NOBODY = 987654


CHANGES: dict[str, Any] = {
    "sprout_id": uuid.UUID(int=7),
    "revision": 77,
    "event_type": "manual-override",
    "rule_version": 77,
    "former_tier_updated_at": F("former_tier_updated_at") + timedelta(microseconds=1),
    "timestamp": CREATED,
    "criteria_met": [],
    "signal_values": {},
    "run_id": NOBODY,
    "id": NOBODY,
}


@pytest.mark.parametrize("column", EVENT_COLUMNS)
def test_a_change_of_any_column_of_a_sealed_event(grove: Grove, column: str) -> None:
    events = AdvancementEvent.objects.filter(pk=grove.event.pk)
    other = AdvancementEvent.objects.exclude(pk=grove.event.pk).get()
    with tampering():
        events.update(reason="which a change of its type needs")
        make_anew(Seal.objects.get())
        assert findings("seals") == []
        events.update(**{column: {"reverses_id": other.pk, **CHANGES}.get(column, "another")})
        assert findings("seals") == [
            f"Run {grove.run.pk} has 1 event, but seal 1 was set on 2."
            if column == "run_id"
            else f"The events of run {grove.run.pk} are not as seal 1 has them: they were changed."
        ]


def test_the_columns_that_are_sealed_are_all_that_an_event_has() -> None:
    assert sorted(EVENT_COLUMNS) == sorted(field.column for field in AdvancementEvent._meta.concrete_fields)


def test_an_event_that_was_added_to_a_sealed_run(grove: Grove) -> None:
    saved(event_values(run_id=grove.run.pk))
    assert findings("seals") == [f"Run {grove.run.pk} has 3 events, but seal 1 was set on 2."]


@pytest.fixture
def chain(grove: Grove) -> list[Seal]:
    """Three seals."""
    finished_run()
    finished_run()
    return list(Seal.objects.order_by("number"))


@pytest.mark.parametrize("number", [1, 2])
def test_a_seal_that_was_deleted(chain: list[Seal], number: int) -> None:
    with tampering():
        Seal.objects.filter(number=number).delete()
        assert findings("seals") == [
            f"Seal {number + 1} comes after seal {number - 1}: those between them are missing."
        ]


@pytest.mark.parametrize("column", ["run_id", "sealed_at"])
def test_a_seal_that_was_changed(chain: list[Seal], column: str) -> None:
    with tampering():
        Seal.objects.filter(number=2).update(**{column: {"run_id": NOBODY}.get(column, CREATED)})
        assert findings("seals") == ["Seal 2 does not have the hash of what it says: it was changed."]


def test_a_seal_that_was_made_anew_for_changed_events_breaks_the_chain_after_it(chain: list[Seal]) -> None:
    with tampering():
        AdvancementEvent.objects.update(reason="a better story")
        make_anew(chain[0])
        assert findings("seals") == ["Seal 2 does not include the hash of seal 1: the chain is broken."]


def test_a_run_that_ended_without_seal(grove: Grove) -> None:
    ended = datetime.now(UTC) - timedelta(seconds=90)
    run = saved(run_values(finished_at=ended))
    saved(run_values(finished_at=datetime.now(UTC) - timedelta(seconds=30)))
    assert findings() == [f"Run {run.pk} is succeeded since {ended:%Y-%m-%d %H:%M} UTC, but has no seal."]


def test_a_seal_of_a_run_that_is_not_there_or_has_not_ended(grove: Grove) -> None:
    saved(seal_values(number=2, run_id=NOBODY))
    saved(seal_values(number=3, run_id=saved(run_values(status="failed")).pk))
    assert findings("seal_runs") == [
        f"Seal 2 is of run {NOBODY}, which does not exist.",
        f"Seal 3 is of run {Run.objects.latest().pk}, which is failed.",
    ]
