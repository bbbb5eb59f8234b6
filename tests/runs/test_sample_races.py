"""Two people who load the sample grove at the same moment get it once."""

from datetime import timedelta

import pytest
from django.db import connection, transaction

from advancement import sample
from advancement.criteria.errors import AdvancementError
from advancement.database.locks import lock_imports
from advancement.importing import SproutImporter
from advancement.models import SignalAggregation, Sprout, UsageEvent
from advancement.sample import GroveNotEmpty, load_sample_grove
from tests.factories import make_sprout
from tests.runs.conftest import Beside, somebody_waits_for_a_lock, wait_until

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
    assert said == ["loaded", "not empty"]
    assert (Sprout.objects.count(), UsageEvent.objects.count()) == (1537, 28692)
    assert SignalAggregation.objects.count() == 4407


def test_sprouts_that_are_being_imported_keep_the_sample_out(beside: Beside) -> None:
    with transaction.atomic():
        lock_imports(SproutImporter.noun)
        make_sprout()
        loading = beside(load_sample_grove)
        wait_until(somebody_waits_for_a_lock)
    with pytest.raises(GroveNotEmpty):
        loading.result(60)
    assert (Sprout.objects.count(), UsageEvent.objects.count()) == (1, 0)


def test_an_import_that_takes_long_is_not_waited_for(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_PATIENCE", timedelta(milliseconds=50))
    with transaction.atomic():
        lock_imports(SproutImporter.noun)
        with pytest.raises(AdvancementError, match="nothing was loaded"):
            beside(load_sample_grove).result(60)
