"""Rows as SQL sees them: valid ones by table, and a way past everything that a model would check."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, models, transaction

from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    Hold,
    LeftOut,
    LifecycleModel,
    Move,
    OutboxMessage,
    RuleCriterion,
    RuleVersion,
    Run,
    Schedule,
    Seal,
    SignalRefresh,
    SignalRequest,
    Tier,
    Upload,
    UploadPart,
    UsageEvent,
)
from advancement.models.runs import RunKind, RunStatus, RunTrigger
from tests.factories import CREATED, add_rule, make_sprout, signal_values, sprout_values


def event_values(**fields: Any) -> AdvancementEvent:
    """Return an event that is not saved yet."""
    defaults: dict[str, Any] = {
        "sprout_id": uuid.uuid4(),
        "sprout_title": "notes/a-note.md",
        "lifecycle_model_id": "botanical",
        "revision": 1,
        "event_type": "auto-advancement",
        "from_tier": "sprout",
        "to_tier": "sapling",
        "former_tier_updated_at": CREATED,
        "rule_id": "a-rule",
        "rule_version": 1,
        "run_id": 1,
        "timestamp": CREATED,
    }
    return AdvancementEvent(**defaults | fields)


def version_values(**fields: Any) -> RuleVersion:
    """Return a version that is not saved yet, of a rule that is there."""
    defaults: dict[str, Any] = {
        "number": 9,
        "title": "A rule",
        "lifecycle_model_id": "botanical",
        "from_tier": "sprout",
        "to_tier": "sapling",
        "logic": "AND",
        "enabled": True,
        "created_at": CREATED,
    }
    if "rule_id" not in fields:
        defaults["rule_id"] = AdvancementRule.objects.get_or_create(id="a-rule")[0].id
    return RuleVersion(**defaults | fields)


def run_values(**fields: Any) -> Run:
    """Return a run that is not saved yet."""
    defaults: dict[str, Any] = {
        "kind": RunKind.ADVANCEMENT,
        "trigger": RunTrigger.COMMAND,
        "status": RunStatus.SUCCEEDED,
        "batch_size": 100,
        "created_at": CREATED,
    }
    return Run(**defaults | fields)


def seal_values(**fields: Any) -> Seal:
    """Return a seal that is not saved yet."""
    defaults: dict[str, Any] = {
        "number": 1,
        "run_id": 1,
        "events": 0,
        "events_hash": "e" * 64,
        "previous_hash": "0" * 64,
        "hash": "f" * 64,
        "sealed_at": CREATED,
    }
    return Seal(**defaults | fields)


def saved(row: models.Model) -> Any:
    """Save a row and return it."""
    row.save(force_insert=True)
    return row


def upload_values(**fields: Any) -> Upload:
    """Return a file that came in by the browser and is not saved yet."""
    defaults: dict[str, Any] = {
        "kind": "sprouts",
        "name": "sprouts.csv",
        "size": 1,
        "uploaded_by": "ada",
        "uploaded_at": CREATED,
        "skip_bad_rows": False,
    }
    return Upload(**defaults | fields)


def usage_event_values(**fields: Any) -> UsageEvent:
    """Return a usage event that is not saved yet."""
    defaults: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "event_type": "sprout_viewed",
        "created_at": CREATED,
        "session_id": "s",
    }
    return UsageEvent(**defaults | {"sprout_id": fields.pop("sprout_id", None) or make_sprout().pk} | fields)


VALID: dict[str, Callable[[], models.Model]] = {
    "aggregation": lambda: signal_values(make_sprout()),
    "criterion": lambda: RuleCriterion(
        version=add_rule(), position=9, signal="views", operator=">=", threshold=1.0, period="all_time"
    ),
    "event": event_values,
    "hold": lambda: Hold(sprout=make_sprout(), reason="wait", set_at=CREATED, set_by="operator"),
    "left out": lambda: LeftOut(run=saved(run_values()), sprout_id=uuid.uuid4(), bucket="held", reason="?"),
    "model": lambda: LifecycleModel(slug="academic", label="Academic", created_at=CREATED),
    "move": lambda: Move(
        run=saved(run_values()),
        position=1,
        sprout_id=uuid.uuid4(),
        sprout_revision=0,
        from_tier="sprout",
        to_tier="sapling",
        struck=False,
    ),
    "outbox message": lambda: OutboxMessage(
        key="run-1-succeeded",
        kind="advanced",
        channel="email",
        recipient="ada@example.org",
        run_id=1,
        subject="s",
        text="t",
        created_at=CREATED,
        waiting_since=CREATED,
        due_at=CREATED,
    ),
    "refresh": lambda: SignalRefresh(
        kind="aggregation", as_of=CREATED, started_at=CREATED, finished_at=CREATED, sprouts=0
    ),
    "refresh request": lambda: SignalRequest(asked_by="ada", asked_at=CREATED),
    "rule": lambda: AdvancementRule(id="another-rule", created_at=CREATED),
    "run": run_values,
    "schedule": lambda: Schedule(activated_at=CREATED),
    "seal": seal_values,
    "sprout": sprout_values,
    "tier": lambda: Tier(lifecycle_model_id="botanical", slug="forest", label="Forest", position=5),
    "upload": upload_values,
    "upload part": lambda: UploadPart(upload=saved(upload_values()), content="file", number=0, data=b"x"),
    "usage event": usage_event_values,
    "version": version_values,
}


def insert(row: models.Model, verb: Any = "INSERT", end: Any = "", **columns: Any) -> None:
    """Insert a row in plain SQL, with some columns as they are given here."""
    values = {
        str(field.column): field.get_db_prep_save(getattr(row, field.attname), connection)
        for field in row._meta.concrete_fields
    } | columns
    if values.get("id", ...) is None:
        del values["id"]
    names = ", ".join(map(connection.ops.quote_name, values))
    marks = ", ".join(["%s"] * len(values))
    with connection.cursor() as cursor:
        cursor.execute(
            f"{verb} INTO {row._meta.db_table} ({names}) VALUES ({marks}) {end}", list(values.values())
        )


def refused(message: str | None = None) -> AbstractContextManager[Any]:
    """Expect the database to refuse what follows, deferred constraints included."""
    stack = ExitStack()
    stack.enter_context(pytest.raises((IntegrityError, DataError), match=message))
    stack.enter_context(transaction.atomic())
    return stack
