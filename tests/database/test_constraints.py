"""Constraints hold in the database itself, past every check of the models."""

import uuid
from datetime import date
from typing import Any

import pytest
from django.db import connection, models

from advancement.criteria.signals import MAX_COUNT, MAX_DAYS
from advancement.models import AdvancementRule, Hold, Move, SignalAggregation, Sprout
from advancement.models.signals import COUNT_COLUMNS
from tests.database.rows import VALID, event_values, insert, refused, run_values, saved, version_values
from tests.factories import CREATED, add_rule, make_sprout, signal_values

pytestmark = pytest.mark.django_db

NAN, INF = float("nan"), float("inf")
NO_COUNT = [-1, MAX_COUNT + 1, "many", NAN, INF, -INF]
NO_SCORE = [-1e-9, 1.000001, "high", INF, -INF]
NO_INTEGER = [-1, 2**31, 2**40, "many", INF]
RUN_COUNTERS = (
    *("attempts", "lease_token", "moves_planned", "cursor", "evaluated", "advanced", "no_match"),
    *("no_signals", "held", "invalid", "blocked", "skipped"),
)
LEASE: dict[str, list[Any]] = {column: [*NO_INTEGER, None] for column in ("attempts", "lease_token")}

REFUSED: dict[str, dict[str, list[Any]]] = {
    "aggregation": {column: [x for x in NO_COUNT if x is not NAN] for column in COUNT_COLUMNS}
    | {
        "days_active": [-1, MAX_DAYS + 1, "many"],
        "utility_score": [-1.000001, 1.000001, "high", INF, -INF],
        "diversity_index": NO_SCORE,
        "quality_score": NO_SCORE,
        "period": ["last_90d", "", None],
    },
    "criterion": {
        "threshold": [*NO_COUNT, None],
        "operator": ["=", "!=", "", None],
        "period": ["last_90d", "", None],
        "position": [-1, 2**15, "first"],
    },
    "event": {
        "revision": [0, *NO_INTEGER],
        "rule_version": [None, 0, *NO_INTEGER],
        "rule_id": [None],
        "event_type": ["advancement", "", None, "manual-override", "bulk-rollback"],
        "from_tier": ["", None],
        "to_tier": ["", None],
    },
    "hold": {
        "reason": ["", None],
        "set_by": ["", None],
        "rule_version": [1, 0, -1, "first"],
        "released_by": ["somebody"],
        "released_at": [CREATED],
    },
    "left out": {"bucket": ["advanced", "no_match", "", None], "reason": ["", None]},
    "model": {"slug": ["", "botanical", None]},
    "move": {
        "position": [*NO_INTEGER, None],
        "step": [-1, 2**15, "first", INF, None],
        "sprout_revision": [*NO_INTEGER, None],
    },
    "outbox message": {
        "key": ["", None],
        "kind": ["guess", "", None],
        "channel": ["pigeon", "", None],
        "recipient": ["", None],
        "status": ["sending", "", None, "sent", "failed"],
        "attempts": [-1, 2**15, "many", None],
        "sent_at": [CREATED],
        "failed_at": [CREATED],
    },
    "refresh": {"kind": ["guess", ""], "as_of": [None], "sprouts": [*NO_INTEGER, None]},
    "refresh request": {"id": [0, 2]} | LEASE,
    "rule": {"id": ["", None]},
    "run": {
        "kind": ["promotion", "", None],
        "trigger": ["cron", "", None, "schedule"],
        "status": ["running", "", None],
        "logical_date": ["2026-01-05"],
        "batch_size": [0, *NO_INTEGER, None],
    }
    | {column: [*NO_INTEGER, None] for column in RUN_COUNTERS}
    | {"cursor": [1, *NO_INTEGER, None]},
    "schedule": {"id": [0, 2]},
    "seal": {
        "number": [0, -1, None],
        "run_id": [None],
        "events": [-1, None],
        "events_hash": ["", None],
        "previous_hash": ["", None],
        "hash": ["", None],
    },
    "sprout": {"tier": ["", None], "initial_tier": ["", None], "revision": [*NO_INTEGER, None]},
    "tier": {"slug": ["", "seed", None], "position": [0, -1, 2**15, "first", None]},
    "upload": {"kind": ["rules", "", None], "status": ["running", "", None], "name": ["", None]} | LEASE,
    "upload part": {"content": ["rows", "", None], "number": [-1, None]},
    "usage event": {
        "id": ["", None],
        "session_id": ["", None],
        "event_type": ["viewed", "", None, "sprout_rated"],
        "rating": ["up", None],
    },
    "version": {
        "number": [0, *NO_INTEGER],
        "priority": [-1, 2**15, "first"],
        "logic": ["XOR", "and", "", None],
        "to_tier": ["sprout", None],
    },
}


@pytest.mark.parametrize("name", VALID)
def test_a_valid_row_is_accepted(name: str) -> None:
    insert(VALID[name]())
    connection.check_constraints()


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        pytest.param(name, column, value, id=f"{name}-{column}-{value!r}")
        for name, columns in REFUSED.items()
        for column, values in columns.items()
        for value in values
    ],
)
def test_the_database_refuses_a_row_with(name: str, column: str, value: Any) -> None:
    row = VALID[name]()
    with refused():
        insert(row, **{column: value})


@pytest.mark.parametrize("column", ["utility_score", "diversity_index", "quality_score"])
def test_nan_is_never_a_number(column: str) -> None:
    row = VALID["aggregation"]()
    if connection.vendor == "postgresql":
        with refused("in_range"):
            insert(row, **{column: NAN})
    else:  # SQLite stores null, and null is unknown
        insert(row, **{column: NAN})
        assert SignalAggregation.objects.filter(**{column: None}).count() == 1


@pytest.mark.parametrize("column", [*COUNT_COLUMNS, "days_active", "utility_score"])
def test_an_unknown_signal_is_null(column: str) -> None:
    insert(VALID["aggregation"](), **{column: None})


@pytest.mark.parametrize(
    ("column", "value"),
    [("view_count", MAX_COUNT), ("days_active", MAX_DAYS), ("utility_score", -1.0), ("quality_score", 1.0)],
)
def test_the_ends_of_a_range_belong_to_it(column: str, value: float) -> None:
    insert(VALID["aggregation"](), **{column: value})
    assert SignalAggregation.objects.filter(**{column: value}).count() == 1


@pytest.mark.parametrize(
    "name", ["aggregation", "criterion", "move", "rule", "sprout", "upload part", "usage event"]
)
def test_there_is_one_row_for_each_key(name: str) -> None:
    row = VALID[name]()
    insert(row)
    with refused():
        insert(row)


def test_a_sprout_has_one_aggregation_in_each_period() -> None:
    row = signal_values(make_sprout())
    insert(row)
    insert(row, period="last_7d")
    with refused():
        insert(row)


def test_a_sprout_moves_once_in_each_step_of_a_run() -> None:
    row = VALID["move"]()
    insert(row)
    insert(row, position=2, step=2)
    with refused():
        insert(row, position=3)
    insert(row, position=3, run_id=saved(run_values()).pk)
    assert Move.objects.count() == 3


def test_a_sprout_has_one_event_for_each_revision() -> None:
    event = saved(event_values())
    saved(event_values(sprout_id=event.sprout_id, revision=2))
    with refused():
        insert(event_values(sprout_id=event.sprout_id, revision=2))


def test_an_event_is_reversed_once() -> None:
    event = saved(event_values())
    back = {"event_type": "bulk-rollback", "reason": "too early", "reverses": event}
    first = saved(event_values(**back))
    with refused():
        insert(event_values(**back))
    saved(event_values(**back | {"reverses": first}))


def test_a_reversed_event_must_exist() -> None:
    with refused():
        insert(event_values(), reverses_id=987654)
        connection.check_constraints()


def test_a_rule_has_one_version_of_each_number() -> None:
    version = add_rule()
    with refused():
        insert(version_values(rule_id=version.rule_id, number=version.number))


@pytest.mark.parametrize("pointer", ["active_version_id", "draft_version_id"])
@pytest.mark.parametrize("write", ["update", "insert"])
def test_a_version_of_another_rule_is_not_this_rules(pointer: str, write: str) -> None:
    version = add_rule()
    if write == "update":
        add_rule("views >= 1", slug="b-rule")
        with refused("versions of its own"):
            AdvancementRule.objects.filter(id="b-rule").update(**{pointer: version.pk})
    else:
        AdvancementRule.objects.update(active_version=None)
        with refused("versions of its own"):
            insert(AdvancementRule(id="b-rule", created_at=CREATED), **{pointer: version.pk})


def test_a_version_that_does_not_exist_is_not_a_rules() -> None:
    add_rule()
    with refused("versions of its own"):
        AdvancementRule.objects.update(draft_version=987654)


def test_a_rule_keeps_its_slug() -> None:
    add_rule()
    with refused():
        AdvancementRule.objects.update(id="renamed")


def test_a_draft_is_newer_than_the_active_version() -> None:
    first, second = add_rule(), add_rule("views >= 1")
    AdvancementRule.objects.update(active_version=first, draft_version=second)
    for active, draft in [(second, first), (second, second)]:
        with refused("draft_is_newer"):
            AdvancementRule.objects.update(active_version=active, draft_version=draft)


def test_each_utc_date_has_one_scheduled_run() -> None:
    insert(run_values(trigger="schedule", logical_date=date(2026, 1, 5)))
    insert(run_values(trigger="schedule", logical_date=date(2026, 1, 6)))
    insert(run_values())
    with refused():
        insert(run_values(trigger="schedule", logical_date=date(2026, 1, 5), status="failed"))


@pytest.mark.parametrize("kind", ["advancement", "rollback"])
def test_one_run_applies_at_a_time_but_overrides_do_not_wait(kind: str) -> None:
    insert(run_values(status="applying"))
    insert(run_values(status="planned", kind=kind))
    insert(run_values(status="applying", kind="override"))
    insert(run_values(status="applying", kind="override"))
    with refused():
        insert(run_values(status="applying", kind=kind))


@pytest.mark.parametrize(
    "name", ["aggregation", "criterion", "left out", "tier", "upload part", "usage event"]
)
def test_what_a_row_points_at_must_exist(name: str) -> None:
    row = VALID[name]()
    key: models.Field[Any, Any] = next(f for f in row._meta.concrete_fields if f.is_relation and not f.null)
    nothing = uuid.uuid4() if key.related_model is Sprout else 987654
    with refused():
        insert(row, **{str(key.column): key.get_db_prep_save(nothing, connection)})
        connection.check_constraints()


@pytest.mark.parametrize("how", ["ORM", "SQL"])
def test_a_hold_outlives_its_sprout(how: str) -> None:
    insert(VALID["hold"]())
    if how == "ORM":
        Sprout.objects.all().delete()
    else:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM sprouts")
    connection.check_constraints()
    assert Hold.objects.count() == 1


def test_a_hold_until_a_newer_version_names_rule_and_version() -> None:
    version = add_rule()
    insert(VALID["hold"](), rule_id=version.rule_id, rule_version=version.number)
    with refused("rule_with_version"):
        insert(VALID["hold"](), rule_id=version.rule_id)


def test_a_sprout_of_a_model_in_use_keeps_its_model() -> None:
    make_sprout()
    with refused(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM lifecycle_tiers")
        cursor.execute("DELETE FROM lifecycle_models")
        connection.check_constraints()


def test_an_override_and_a_rollback_need_a_reason() -> None:
    for event_type in ("manual-override", "bulk-rollback"):
        insert(
            event_values(event_type=event_type, reason="a person said so", rule_id=None, rule_version=None)
        )


def test_an_event_is_told_to_a_recipient_once_by_each_channel() -> None:
    saved(VALID["outbox message"]())
    for change in ({"channel": "webhook"}, {"recipient": "ben@example.org"}, {"key": "run-2-succeeded"}):
        insert(VALID["outbox message"](), **change)
    with refused("one_message_per_event_and_recipient|UNIQUE"):
        insert(VALID["outbox message"]())
