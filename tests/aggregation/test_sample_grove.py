"""The sample grove gives the figures that were worked out for it elsewhere."""

import csv
import gzip
import json
from datetime import datetime
from pathlib import Path

import pytest
from django.db.models import Sum

from advancement.aggregation import refresh_signals
from advancement.models import SignalAggregation, Sprout, UsageEvent
from tests.aggregation.conftest import stored_rows
from tests.aggregation.oracle import expected_rows

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "advancement" / "sample_grove"
EXPECTED = json.loads((ROOT / "tests" / "data" / "expected.json").read_text())


@pytest.fixture
def sample_grove(db: None) -> None:
    with (SAMPLE / "sprouts.csv").open(newline="", encoding="utf-8") as file:
        Sprout.objects.bulk_create(_sprout(row) for row in csv.DictReader(file))
    with gzip.open(SAMPLE / "usage_events.jsonl.gz", "rt", encoding="utf-8") as file:
        UsageEvent.objects.bulk_create((_event(json.loads(line)) for line in file), batch_size=5000)


def _sprout(row: dict[str, str]) -> Sprout:
    created_at = datetime.fromisoformat(row["created_at"])
    return Sprout(
        id=row["id"],
        title=row["title"],
        lifecycle_model_id=row["lifecycle_model"],
        tier=row["tier"],
        initial_tier=row["tier"],
        created_at=created_at,
        tier_updated_at=created_at,
    )


def _event(fields) -> UsageEvent:
    provenance, metadata = fields.get("provenance") or {}, fields.get("metadata") or {}
    return UsageEvent(
        id=fields["id"],
        sprout_id=fields["sproutId"],
        event_type=fields["eventType"],
        created_at=datetime.fromisoformat(fields["createdAt"]),
        session_id=fields["sessionId"],
        user_id=fields.get("userId") or "",
        lens_id=provenance.get("lensId") or "",
        hub_id=provenance.get("hubId") or "",
        query_hash=provenance.get("queryHash") or "",
        rating=metadata.get("rating", "") if fields["eventType"] == "sprout_rated" else "",
    )


def test_the_figures_are_as_expected_at_both_times(sample_grove: None) -> None:
    # Newest first: what has rows only later must lose them.
    for case in reversed(EXPECTED["cases"]):
        as_of = datetime.fromisoformat(case["as_of"])
        refresh_signals(as_of=as_of)
        assert SignalAggregation.objects.count() == case["aggregation_rows"]
        for period, sums in case["sums"].items():
            rows = SignalAggregation.objects.filter(period=period)
            assert rows.aggregate(**{column: Sum(column) for column in sums}) == sums
        assert stored_rows() == expected_rows(as_of)
