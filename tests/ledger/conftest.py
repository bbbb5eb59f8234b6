"""A grove with a past, and a way past the triggers that protect it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, transaction

from advancement.database.triggers import install_triggers, remove_triggers
from advancement.ledger.hashes import hash_events, hash_seal
from advancement.ledger.seals import START, _event_hashes
from advancement.ledger.verify import verify_ledger
from advancement.models import AdvancementEvent, Move, Run, Seal, Sprout
from tests.database.rows import event_values, run_values, saved
from tests.factories import CREATED, add_rule, finished_run, make_sprout


@dataclass
class Grove:
    """Two sprouts that a run advanced, the first of them, and one that stayed."""

    run: Run
    moved: Sprout
    stayed: Sprout

    @property
    def event(self) -> AdvancementEvent:
        """The event of the moved sprout."""
        return AdvancementEvent.objects.get(sprout_id=self.moved.pk)


@pytest.fixture
def grove(db: None) -> Grove:
    add_rule("citations >= 3")
    moved, stayed = make_sprout(signals={"citations": 3}), make_sprout(signals={"citations": 1})
    make_sprout(signals={"citations": 4})
    return Grove(finished_run(), moved, stayed)


@contextmanager
def past_the_triggers() -> Iterator[None]:
    """Let writes through that the triggers refuse."""
    if connection.vendor == "sqlite":
        remove_triggers(connection)
        yield
        install_triggers(connection)
        return
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = 'replica'")
        yield
        cursor.execute("SET session_replication_role = 'origin'")


@contextmanager
def tampering() -> Iterator[None]:
    """Let everything through and take it back in the end, so that no test leaves broken rows."""
    with transaction.atomic():
        with past_the_triggers():
            yield
        transaction.set_rollback(True)


def findings(*names: str) -> list[str]:
    """Return what verifying finds, of some checks or of all but the triggers, which tests take away."""
    checks = verify_ledger().checks
    chosen = [check for check in checks if check.name in (names or {c.name for c in checks} - {"triggers"})]
    return [finding for check in chosen for finding in check.findings]


def take_back(event: AdvancementEvent, **fields: Any) -> AdvancementEvent:
    """Insert what a rollback of an event leaves: its run, the move, the event and the moved sprout."""
    sprout = Sprout.objects.get(pk=event.sprout_id)
    back = {
        "sprout_id": sprout.pk,
        "revision": sprout.revision + 1,
        "event_type": "bulk-rollback",
        "from_tier": event.to_tier,
        "to_tier": event.from_tier,
        "rule_id": None,
        "rule_version": None,
        "reason": "too early",
        "reverses_id": event.pk,
    } | fields
    run = saved(
        run_values(kind="rollback", moves_planned=1, cursor=1, advanced=1, finished_at=CREATED, reason="?")
    )
    Move.objects.create(
        run=run,
        position=1,
        sprout_id=back["sprout_id"],
        sprout_revision=back["revision"] - 1,
        from_tier=back["from_tier"],
        to_tier=back["to_tier"],
    )
    Sprout.objects.filter(pk=back["sprout_id"]).update(tier=back["to_tier"], revision=back["revision"])
    reversal: AdvancementEvent = saved(event_values(run_id=run.pk, **back))
    return reversal


def make_anew(seal: Seal) -> None:
    """Write a seal again over its run's present events, as somebody would who knows how."""
    before = Seal.objects.filter(number=seal.number - 1).values_list("hash", flat=True).first()
    seal.events, seal.events_hash = hash_events(_event_hashes(seal.run_id, "default"))
    seal.previous_hash = before or START.hash
    seal.hash = hash_seal(
        seal.number, seal.run_id, seal.events, seal.events_hash, seal.previous_hash, seal.sealed_at
    )
    seal.save(force_update=True)
