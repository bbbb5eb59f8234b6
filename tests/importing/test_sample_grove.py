"""The sample grove, as it is."""

from pathlib import Path

import pytest

from advancement.models import Sprout, UsageEvent
from tests.importing.conftest import run

SAMPLE = Path(__file__).parents[2] / "advancement" / "sample_grove"


@pytest.mark.django_db
def test_the_sample_grove_can_be_imported_twice() -> None:
    for sprouts, events in (("1,537 new", "28,692 new"), ("1,537 unchanged", "28,692 unchanged")):
        assert sprouts in run("import_sprouts", str(SAMPLE / "sprouts.csv")).out
        assert events in run("import_events", str(SAMPLE / "usage_events.jsonl.gz")).out
    assert (Sprout.objects.count(), UsageEvent.objects.count()) == (1537, 28692)
