"""What is hashed and how: an event as a row, a run's events as a stream, a seal with the one before it.

A hash holds for the kind of database that it was made on, since times and JSON are stored in different texts.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from django.db import connections

# A hash is for good: a column that is added to the events later must not join this list, but take part
# from a certain seal on.
EVENT_COLUMNS: Final = (
    *("id", "sprout_id", "sprout_title", "lifecycle_model_id", "revision", "event_type"),
    *("from_tier", "to_tier", "former_tier_updated_at", "rule_id", "rule_version", "criteria_met"),
    *("signal_values", "operator_id", "reason", "reverses_id", "run_id", "timestamp"),
)
_TIMES: Final = {"former_tier_updated_at", "timestamp"}
_CHUNK: Final = 2000


def event_hash(vendor: str) -> str:
    """Return the SQL of the hash of the event `e`, all its columns included."""
    if vendor == "sqlite":
        return f"SHA256(json_array({', '.join(f'e.{column}' for column in EVENT_COLUMNS)}))"
    values = ", ".join(
        _text_of_time(column) if column in _TIMES else f"e.{column}" for column in EVENT_COLUMNS
    )
    return f"encode(sha256(convert_to(json_build_array({values})::text, 'UTF8')), 'hex')"


def _text_of_time(column: str) -> str:
    # As it is, a time would be written in the session's time zone.
    return f"to_char(e.{column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"


def hash_events(hashes: Iterable[str]) -> tuple[int, str]:
    """Return the number of a run's events and the one hash over theirs, which come in order of id."""
    count, whole = 0, hashlib.sha256()
    for count, one in enumerate(hashes, 1):  # noqa: B007
        whole.update(one.encode() + b"\n")
    return count, whole.hexdigest()


def hash_seal(
    number: int, run_id: int, events: int, events_hash: str, previous_hash: str, sealed_at: datetime
) -> str:
    """Return a seal's own hash, over everything that it says."""
    instant = sealed_at.astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps([number, run_id, events, events_hash, previous_hash, instant], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def stream(sql: str, parameters: Iterable[Any], using: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query a chunk at a time; to be called inside a transaction."""
    with connections[using].chunked_cursor() as cursor:
        cursor.execute(sql, list(parameters))
        while rows := cursor.fetchmany(_CHUNK):
            yield from rows
