"""Writers beside a refresh, on real connections of their own."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction

from advancement.aggregation import refresh_signals
from advancement.aggregation.refresh import lock_signals
from advancement.models import LifecycleModel, Sprout
from tests.aggregation.conftest import AS_OF, make_event, make_sprout, stored

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def sprout(transactional_db: None) -> Sprout:
    LifecycleModel.objects.get_or_create(slug="botanical", defaults={"label": "Botanical"})
    return make_sprout()


@pytest.fixture
def beside():
    """Run a function on a connection of its own, at the same time."""
    with ThreadPoolExecutor() as pool:

        def start(function: Callable[[], Any]) -> Future[Any]:
            def run() -> Any:
                try:
                    return function()
                finally:
                    connection.close()

            return pool.submit(run)

        yield start


def test_a_late_commit_is_not_missed(sprout: Sprout, beside) -> None:
    make_event(sprout, AS_OF)
    written, go_on = Event(), Event()

    def write_slowly() -> None:
        with transaction.atomic():
            make_event(sprout, AS_OF - timedelta(days=1))
            written.set()
            assert go_on.wait(30)

    writer = beside(write_slowly)
    assert written.wait(30)
    refresh_signals()
    assert stored(sprout).view_count == 1
    go_on.set()
    writer.result(30)
    assert refresh_signals().full is False
    assert stored(sprout).view_count == 2


def test_a_refresh_that_waited_sees_what_was_committed_meanwhile(sprout: Sprout, beside) -> None:
    make_event(sprout, AS_OF)
    refresh_signals()
    with transaction.atomic():
        lock_signals()
        make_event(sprout, AS_OF)
        waiting = beside(refresh_signals)
        _wait_until_one_waits()
    record = waiting.result(30)
    assert record.sprouts == 1
    assert record.totals["botanical"]["view_count"] == 2
    assert stored(sprout).view_count == 2


def test_two_refreshes_at_once_both_succeed(sprout: Sprout, beside) -> None:
    make_event(sprout, AS_OF)
    for refresh in [beside(lambda: refresh_signals(full=True)) for _ in range(2)]:
        assert refresh.result(30).totals["botanical"]["view_count"] == 1


def _wait_until_one_waits() -> None:
    for _ in range(3000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    pytest.fail("no refresh waits for the lock")
