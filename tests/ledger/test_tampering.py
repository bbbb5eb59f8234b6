"""Tampering past the triggers is found, and named by sprout, event or run."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from advancement.holds import set_hold
from advancement.ledger.record import check_and_record, last_check
from advancement.ledger.verify import verify_ledger
from advancement.models import AdvancementEvent, Hold, Move, Run, Sprout
from tests.database.rows import run_values, saved
from tests.factories import CREATED, add_rule, finished_run
from tests.ledger.conftest import Grove, findings, take_back, tampering
from tests.runs.conftest import plant

pytestmark = pytest.mark.django_db

NOBODY = 987654


# --- Sprouts ---------------------------------------------------------------------------------------


def test_a_tier_that_no_event_led_to(grove: Grove) -> None:
    Sprout.objects.filter(pk=grove.moved.pk).update(tier="tree")
    Sprout.objects.filter(pk=grove.stayed.pk).update(tier="grove")
    assert sorted(findings()) == sorted(
        [
            f"The sprout {grove.moved.pk} is in tree, but its newest event, of revision 1, led to sapling.",
            f"The sprout {grove.stayed.pk} is in grove, but has no events and began in sprout.",
        ]
    )


def test_an_initial_tier_that_its_first_event_did_not_start_from(grove: Grove) -> None:
    event = grove.event
    with tampering():
        Sprout.objects.filter(pk=grove.moved.pk).update(initial_tier="seed")
        assert findings("steps") == [
            f"Event {event.pk} of sprout {grove.moved.pk} starts from sprout, but the sprout began in seed."
        ]


def test_a_step_that_does_not_start_where_the_one_before_it_ended(grove: Grove) -> None:
    add_rule("citations >= 3", slug="onward", from_tier="sapling", to_tier="tree")
    finished_run(from_tiers=("sapling",))
    second = AdvancementEvent.objects.get(sprout_id=grove.moved.pk, revision=2)
    name = f"sprout {grove.moved.pk}"
    with tampering():
        AdvancementEvent.objects.filter(sprout_id=grove.moved.pk, revision=1).update(to_tier="seed")
        assert findings("tiers") == []
        assert findings("steps") == [
            f"Event {second.pk} of {name} starts from sapling, but the event before led to seed."
        ]


@pytest.mark.parametrize(
    ("revision", "fault"),
    [
        (2, "is at revision 2, but events (1), holds (0) and releases (0) make 1."),
        (0, "is at revision 0, but has an event of revision 1."),
    ],
)
def test_a_revision_that_is_not_counted(grove: Grove, revision: int, fault: str) -> None:
    Sprout.objects.filter(pk=grove.moved.pk).update(revision=revision)
    assert findings() == [f"The sprout {grove.moved.pk} {fault}"]


def test_a_hold_that_was_deleted_or_released_by_hand(grove: Grove) -> None:
    set_hold(grove.stayed.pk, reason="wait", by="tests")
    Hold.objects.update(released_at=CREATED, released_by="nobody")
    name = f"The sprout {grove.stayed.pk} is at revision 1, but events (0), holds"
    assert findings() == [f"{name} (1) and releases (1) make 2."]
    Hold.objects.all().delete()
    assert findings() == [f"{name} (0) and releases (0) make 0."]


def test_an_event_that_was_deleted(grove: Grove) -> None:
    event = grove.event
    with tampering():
        AdvancementEvent.objects.filter(pk=event.pk).delete()
        found = findings()
    assert found == [
        f"The sprout {grove.moved.pk} is in sapling, but has no events and began in sprout.",
        f"The sprout {grove.moved.pk} is at revision 1, but events (0), holds (0) and releases (0) make 0.",
        f"Run {grove.run.pk} counts 2 advanced, but has 1 event.",
        f"Run {grove.run.pk} has 1 event, but seal 1 was set on 2.",
    ]


# --- Reversals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"to_tier": "seed"}, "takes back event {0}, but does not lead back the way that one came."),
        ({"from_tier": "seed"}, "takes back event {0}, but does not lead back the way that one came."),
        ({"reverses_id": None}, "names no event that it takes back."),
        ({"reverses_id": NOBODY}, f"takes back event {NOBODY}, which does not exist."),
        ({"revision": F("revision") - 2}, "takes back event {0}, which is not an earlier one."),
        ({"sprout_id": uuid.UUID(int=7)}, "takes back event {0}, which is of another sprout."),
    ],
)
def test_a_rollback_that_does_not_mirror_one_earlier_event(
    grove: Grove, change: dict[str, Any], fault: str
) -> None:
    add_rule("citations >= 3", slug="onward", from_tier="sapling", to_tier="tree")
    finished_run(from_tiers=("sapling",))
    event = AdvancementEvent.objects.get(sprout_id=grove.moved.pk, revision=2)
    rollback = take_back(event)
    assert findings("reversals") == []
    with tampering():
        # Out of the way of the rollback's new revision.
        AdvancementEvent.objects.filter(sprout_id=grove.moved.pk, revision=1).delete()
        AdvancementEvent.objects.filter(pk=rollback.pk).update(**change)
        key = change.get("sprout_id", grove.moved.pk)
        assert findings("reversals") == [f"Event {rollback.pk} of sprout {key} {fault.format(event.pk)}"]


def test_an_event_that_is_taken_back_twice(grove: Grove) -> None:
    event = grove.event
    first, fault = take_back(event), "which another event takes back as well."
    with tampering():
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX one_reversal_per_event")
        second = take_back(event, revision=3, from_tier="sapling", to_tier="sprout")
        assert findings("reversals") == [
            f"Event {pk} of sprout {grove.moved.pk} takes back event {event.pk}, {fault}"
            for pk in (first.pk, second.pk)
        ]


# --- Runs ------------------------------------------------------------------------------------------


def test_an_event_without_run(grove: Grove) -> None:
    event = grove.event
    with tampering():
        AdvancementEvent.objects.filter(pk=event.pk).update(run_id=NOBODY)
        assert findings("event_runs") == [
            f"Event {event.pk} of sprout {grove.moved.pk} names run {NOBODY}, which does not exist."
        ]


@pytest.mark.parametrize(
    ("run", "fault"),
    [
        ({"dry_run": True, "status": "planned"}, "which is a dry run."),
        ({"status": "held"}, "which is held and has applied nothing."),
        ({"status": "planned"}, "which is planned and has applied nothing."),
        ({"status": "discarded"}, "which is discarded and has applied nothing."),
    ],
)
def test_an_event_of_a_run_that_applied_nothing(grove: Grove, run: dict[str, Any], fault: str) -> None:
    event, other = grove.event, saved(run_values(**run))
    with tampering():
        AdvancementEvent.objects.filter(pk=event.pk).update(run_id=other.pk)
        assert findings("event_runs") == [
            f"Event {event.pk} of sprout {grove.moved.pk} names run {other.pk}, {fault}"
        ]


@pytest.mark.parametrize(
    "moves",
    [
        {"sprout_id": uuid.UUID(int=7)},
        {"sprout_revision": 1},
        {"from_tier": "seed"},
        {"to_tier": "tree"},
        {"position": F("position") + 100},
        {"run_id": NOBODY},
    ],
)
def test_an_event_that_is_not_among_the_moves_that_its_run_applied(
    grove: Grove, moves: dict[str, Any]
) -> None:
    event = grove.event
    move = Move.objects.filter(sprout=grove.moved.pk)
    name = f"Event {event.pk} of sprout {grove.moved.pk}, from sprout to sapling,"
    move.update(**moves)
    assert findings("event_moves") == [f"{name} is not among the moves that run {grove.run.pk} has applied."]


def test_a_run_that_counts_other_moves_or_events_than_it_has(grove: Grove) -> None:
    run = Run.objects.filter(pk=grove.run.pk)
    run.update(advanced=7)
    assert findings() == [f"Run {grove.run.pk} counts 7 advanced, but has 2 events."]
    run.update(advanced=2, moves_planned=3)
    assert findings() == [f"Run {grove.run.pk} succeeded, but has dealt with 2 of its 3 moves."]


def test_moves_without_run(grove: Grove) -> None:
    for position in (1, 2):
        Move.objects.create(
            run_id=NOBODY,
            position=position,
            sprout_id=uuid.uuid4(),
            sprout_revision=0,
            from_tier="sprout",
            to_tier="sapling",
        )
    assert findings() == [f"Run {NOBODY} does not exist, but has 2 moves."]


def test_a_trigger_that_was_dropped(grove: Grove) -> None:
    name = "advancement_seals_" + ("append_only" if connection.vendor == "postgresql" else "no_update")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}" + (" ON advancement_seals" * (connection.vendor != "sqlite")))
    assert findings("triggers") == [f"The trigger {name} is missing, disabled or changed."]


def test_of_many_findings_a_hundred_are_listed_and_all_are_counted(grove: Grove) -> None:
    plant(120)
    Sprout.objects.filter(revision=0).update(tier="grove")
    found = verify_ledger()
    (tiers,) = [check for check in found.checks if check.found]
    assert (tiers.name, tiers.found, len(tiers.findings), found.found) == ("tiers", 121, 100, 121)


# --- What cannot even be read ----------------------------------------------------------------------


def test_what_cannot_be_read_is_a_finding_of_its_check_and_the_others_are_made(grove: Grove) -> None:
    with tampering():
        Sprout.objects.filter(pk=grove.stayed.pk).update(tier="tree")
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("UPDATE advancement_seals SET sealed_at = 'infinity'")
            else:
                cursor.execute("PRAGMA ignore_check_constraints = ON")
                cursor.execute("UPDATE advancement_seals SET sealed_at = 'garbage'")
                cursor.execute("UPDATE advancement_events SET revision = 'garbage'")
                cursor.execute("PRAGMA ignore_check_constraints = OFF")
        found = {check.name: check for check in check_and_record(by="ada").checks if check.found}
        [sentence] = found["seals"].findings
        assert sentence.startswith("What is stored cannot be read, so this was not checked (")
        assert "tiers" in found
        assert last_check().found >= 2  # type: ignore[union-attr]
