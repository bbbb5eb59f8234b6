"""Runs that have ended are sealed once, in one chain, and a head that was kept refutes another chain."""

import hashlib
import json
from datetime import UTC, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from advancement.ledger.seals import (
    START,
    Head,
    _event_hashes,
    head_of_chain,
    seal_finished_runs,
    unsealed_runs,
)
from advancement.ledger.verify import verify_ledger
from advancement.models import AdvancementEvent, Run, Seal
from tests.database.rows import event_values, run_values, saved
from tests.factories import CREATED
from tests.ledger.conftest import Grove, findings, make_anew, tampering

pytestmark = pytest.mark.django_db


def ended_run(minutes: int, **fields: object) -> Run:
    run: Run = saved(run_values(finished_at=CREATED + timedelta(minutes=minutes), **fields))
    return run


def test_runs_that_have_ended_are_sealed_in_the_order_of_their_end() -> None:
    late, early = ended_run(9), ended_run(1, status="cancelled")
    between = ended_run(5, status="discarded")
    for status in ("planning", "planned", "held", "approved", "applying", "failed"):
        ended_run(0, status=status)
    ended_run(0, status="planned", dry_run=True)
    assert seal_finished_runs() == 3
    assert list(Seal.objects.order_by("number").values_list("number", "run_id")) == [
        (1, early.pk),
        (2, between.pk),
        (3, late.pk),
    ]
    assert not unsealed_runs().exists()


def test_sealing_again_adds_nothing_and_asks_once(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ended_run(0)
    seal_finished_runs()
    with django_assert_num_queries(1):
        assert seal_finished_runs() == 0
    assert Seal.objects.count() == 1


def test_a_seal_is_the_hash_of_what_it_says_with_the_one_before_it() -> None:
    first, second = ended_run(0), ended_run(1)
    saved(event_values(run_id=second.pk))
    seal_finished_runs()
    one, two = Seal.objects.order_by("number")
    nothing = hashlib.sha256(b"").hexdigest()
    assert (one.run_id, one.events, one.events_hash, one.previous_hash) == (first.pk, 0, nothing, "0" * 64)
    assert (two.run_id, two.events, two.previous_hash) == (second.pk, 1, one.hash)
    instant = two.sealed_at.astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps([2, second.pk, 1, two.events_hash, one.hash, instant], separators=(",", ":"))
    assert two.hash == hashlib.sha256(text.encode()).hexdigest()
    assert head_of_chain() == Head(2, two.hash)


def test_the_same_events_have_the_same_hash_in_any_session() -> None:
    run = ended_run(0)
    saved(event_values(run_id=run.pk, sprout_title='“quoted" \\ ünïcode 🌱\n', reason="x" * 10_000))
    before = list(_event_hashes(run.pk, "default"))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL TIME ZONE 'Asia/Kathmandu'; SET LOCAL datestyle = 'German'")
            cursor.execute("SET LOCAL extra_float_digits = -5")
    assert list(_event_hashes(run.pk, "default")) == before


def test_a_failed_run_is_sealed_once_it_is_cancelled() -> None:
    run = ended_run(0, status="failed")
    assert seal_finished_runs() == 0
    Run.objects.filter(pk=run.pk).update(status="cancelled")
    assert seal_finished_runs() == 1


# --- Heads that were kept ----------------------------------------------------------------------------


@pytest.fixture
def kept(grove: Grove) -> Head:
    """The head of the chain before anybody tampered."""
    ended_run(0)
    seal_finished_runs()
    return head_of_chain()


def test_a_head_that_was_kept_stays_in_the_chain_as_it_grows(kept: Head) -> None:
    ended_run(1)
    seal_finished_runs()
    found = verify_ledger(kept)
    assert (found.found, found.kept_fault, found.head.seal) == (0, "", 3)


def test_a_chain_rewritten_as_a_whole_is_sound_but_not_the_one_whose_head_was_kept(kept: Head) -> None:
    with tampering():
        AdvancementEvent.objects.update(operator_id="nobody", reason="a better story")
        for seal in Seal.objects.order_by("number"):
            make_anew(seal)
        assert findings() == []
        found = verify_ledger(kept)
    assert found.kept_fault == (
        "Seal 2 has another hash than the one that was kept: the chain was rewritten."
    )


def test_a_chain_that_was_cut_off_does_not_have_the_head_that_was_kept(kept: Head) -> None:
    with tampering():
        Seal.objects.filter(number=2).delete()
        found = verify_ledger(kept)
    assert found.kept_fault == "There is no seal 2, though its hash was kept: the chain ends before it."


def test_the_head_of_a_chain_without_seals_is_where_every_chain_starts(grove: Grove) -> None:
    assert verify_ledger(START).found == 0
    assert verify_ledger(Head(0, "f" * 64)).found == 1


def test_sealing_takes_as_many_queries_for_ten_events_as_for_many() -> None:
    def queries(events: int) -> int:
        run = ended_run(0)
        AdvancementEvent.objects.bulk_create(event_values(run_id=run.pk) for _ in range(events))
        with CaptureQueriesContext(connection) as captured:
            assert seal_finished_runs() == 1
        return len(captured)

    assert queries(10) == queries(5000)
