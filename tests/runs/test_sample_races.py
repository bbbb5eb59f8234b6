"""Two people who load the sample grove at the same moment get it once."""

import pytest
from django.db import connection

from advancement.models import SignalAggregation, Sprout, UsageEvent
from advancement.sample import GroveNotEmpty, load_sample_grove
from tests.runs.conftest import Beside

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]


def test_of_two_at_once_both_end_and_nothing_is_there_twice(beside: Beside) -> None:
    def load() -> str:
        try:
            load_sample_grove()
        except GroveNotEmpty:
            return "not empty"
        return "loaded"

    said = sorted(each.result(60) for each in [beside(load), beside(load)])
    assert said in (["loaded", "loaded"], ["loaded", "not empty"])
    assert (Sprout.objects.count(), UsageEvent.objects.count()) == (1537, 28692)
    assert SignalAggregation.objects.count() == 4407
