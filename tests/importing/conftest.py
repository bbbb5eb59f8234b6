"""A small grove, files to import, and a way to call the commands."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from advancement.models import (
    DirtySprout,
    LifecycleModel,
    SignalAggregation,
    SignalRefresh,
    Sprout,
    Tier,
    UsageEvent,
)

FERN = "0b0f1a52-6a3e-4f2c-9a57-1f1b3f1c0001"
MOSS = "0b0f1a52-6a3e-4f2c-9a57-1f1b3f1c0002"
NEW = "0b0f1a52-6a3e-4f2c-9a57-1f1b3f1c0003"
PLANTED = datetime(2026, 1, 1, tzinfo=UTC)

SPROUT_HEADER = "id,title,lifecycle_model,tier,created_at\n"


def sprout_row(**changes: Any) -> dict[str, Any]:
    row = {
        "id": NEW,
        "title": "Ivy",
        "lifecycle_model": "botanical",
        "tier": "sprout",
        "created_at": "2026-01-13T18:39:52Z",
    }
    return row | changes


def event_row(**changes: Any) -> dict[str, Any]:
    row = {
        "id": "e1",
        "sproutId": FERN,
        "eventType": "sprout_viewed",
        "createdAt": "2026-02-01T10:00:00Z",
        "sessionId": "s1",
    }
    return row | changes


def signal_row(**changes: Any) -> dict[str, Any]:
    return {"sprout_id": FERN, "period": "all_time", "view_count": 12} | changes


def jsonl(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


def run(*arguments: str) -> Result:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except CommandError as error:
        return Result(error.returncode, out.getvalue(), err.getvalue() + str(error))
    return Result(0, out.getvalue(), err.getvalue())


def everything() -> list[list[Any]]:
    """All that an import may write."""
    tables = (Sprout, UsageEvent, SignalAggregation, SignalRefresh, DirtySprout)
    return [list(table.objects.order_by("pk").values()) for table in tables]


@pytest.fixture
def grove(db: None) -> None:
    """Two sprouts, and a second lifecycle model."""
    academic = LifecycleModel.objects.create(slug="academic", label="Academic")
    Tier.objects.create(lifecycle_model=academic, slug="draft", label="Draft", position=0)
    for id, title in ((FERN, "Fern"), (MOSS, "Moss")):
        Sprout.objects.create(
            id=id,
            title=title,
            lifecycle_model_id="botanical",
            tier="sprout",
            initial_tier="seed",
            tier_updated_at=PLANTED,
            created_at=PLANTED,
        )


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write a file and return its path."""

    def write_file(content: str | bytes, name: str = "data") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write_file


@pytest.fixture
def refused(grove: None, write: Callable[..., str], tmp_path: Path) -> Callable[..., str]:
    """Import what must be refused; return the message after checking that nothing was written."""

    def import_bad(command: str, content: str | bytes, *options: str) -> str:
        path = write(content)
        before = everything()
        result = run(command, path, *options)
        assert result.code == 1, result
        assert result.out == ""
        assert everything() == before
        assert [file.name for file in tmp_path.iterdir()] == ["data"]
        assert "Traceback" not in result.err
        return result.err.replace(path, "FILE")

    return import_bad
