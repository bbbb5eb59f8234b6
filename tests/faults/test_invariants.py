"""The checks of the fault harness find what they are there for: each sentence is broken once, on purpose."""

import pytest
from django.db import connection, transaction

from advancement.holds import set_hold
from advancement.models import AdvancementEvent, Run, Sprout
from tests.factories import add_rule, finished_run, make_sprout
from tests.faults.invariants import INVARIANTS, broken_invariants
from tests.faults.state import compare, read_state
from tests.rollback.cast import rollback

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="faults are injected on PostgreSQL"),
]

_LAST = "(SELECT MAX(id) FROM advancement_events)"
_COPIED = (
    "sprout_id, sprout_title, lifecycle_model_id, event_type, from_tier, to_tier, former_tier_updated_at,"
    " rule_id, rule_version, criteria_met, signal_values, operator_id, reason, run_id, timestamp"
)
TAMPERED = {
    "a move has one event at most": (
        "ALTER TABLE advancement_events DROP CONSTRAINT one_event_per_sprout_and_revision;"
        f"INSERT INTO advancement_events ({_COPIED}, revision)"
        f" SELECT {_COPIED}, revision FROM advancement_events WHERE id = {_LAST}"
    ),
    "a run that succeeded has moved or skipped all that it planned": (
        f"DELETE FROM advancement_events WHERE id = {_LAST}"
    ),
    "what a run skipped was in its plan, and is named once": (
        "INSERT INTO advancement_left_out (run_id, sprout_id, bucket, reason)"
        " SELECT MIN(id), gen_random_uuid(), 'skipped', 'x' FROM advancement_runs"
    ),
    "a candidate of an advancement is in one bucket": (
        "INSERT INTO advancement_left_out (run_id, sprout_id, bucket, reason)"
        " SELECT run_id, sprout_id, 'held', 'x' FROM advancement_moves"
    ),
    "an advancement's buckets add up": "UPDATE advancement_runs SET no_match = no_match + 1",
    "a hold that a run set is on a sprout that it moved": "UPDATE advancement_holds SET set_by_run_id = 9999",
}


@pytest.fixture
def ledger() -> None:
    add_rule("citations >= 3")
    sprouts = [make_sprout(signals={"citations": 3}) for _ in range(3)]
    finished_run()
    rollback(rule="a-rule", excluded=(sprouts[0].pk,), hold=True)
    set_hold(sprouts[0].pk, reason="wait", by="olga")


def tamper(sql: str) -> None:
    """Change what triggers protect, as only the owner of the tables can."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = 'replica'")
        cursor.execute(sql)
        cursor.execute("SET LOCAL session_replication_role = 'origin'")


def test_each_sentence_is_broken_below() -> None:
    assert TAMPERED.keys() == INVARIANTS.keys()


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("sentence", INVARIANTS)
def test_what_is_broken_is_found(sentence: str) -> None:
    assert broken_invariants() == []
    tamper(TAMPERED[sentence])
    assert any(found.startswith(f"not so: {sentence}") for found in broken_invariants())


@pytest.mark.usefixtures("ledger")
def test_what_verify_ledger_finds_is_found() -> None:
    tamper("DROP TRIGGER advancement_events_no_truncate ON advancement_events")
    assert broken_invariants() == [
        "The trigger advancement_events_no_truncate is missing, disabled or changed."
    ]


@pytest.mark.usefixtures("ledger")
def test_what_is_lost_or_there_twice_is_told_apart() -> None:
    expected = read_state()
    assert not str(compare(expected, read_state()))
    tamper(f"DELETE FROM advancement_events WHERE id = {_LAST}")
    lost = compare(expected, read_state())
    assert (lost.lost.total(), lost.duplicated.total()) == (1, 0)
    Run.objects.create(**{f.name: getattr(Run.objects.earliest(), f.name) for f in copied_fields()})
    more = compare(expected, read_state())
    assert (more.lost.total(), more.duplicated.total()) == (1, 1)
    assert Sprout.objects.count() == 3
    assert AdvancementEvent.objects.count() == 4


def copied_fields() -> list[object]:
    return [field for field in Run._meta.concrete_fields if not field.primary_key]
