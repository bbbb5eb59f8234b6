"""On SQLite whoever wants to write comes between the batches of a run, and does not wait for its end."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import pytest
from django.db import ConnectionHandler, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import DjangoDbBlocker

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "grove.sqlite3"


@pytest.fixture
def connection(file: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[BaseDatabaseWrapper]:
    options = {"transaction_mode": "IMMEDIATE", "timeout": 0.5}
    values = {"ENGINE": "advancement.database.sqlite", "NAME": str(file), "OPTIONS": options}
    made = ConnectionHandler({"default": values})["default"]
    with django_db_blocker.unblock():
        yield made
        made.close()


def begin(connection: BaseDatabaseWrapper) -> float:
    """Begin a transaction, and return how many seconds that took."""
    started = monotonic()
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    waited = monotonic() - started
    connection.rollback()
    connection.set_autocommit(True)
    return waited


def test_a_writer_that_hardly_ever_pauses_lets_others_in(file: Path, connection: BaseDatabaseWrapper) -> None:
    ended = Event()

    def write_batches() -> None:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            while not ended.is_set():
                other.execute("BEGIN IMMEDIATE")
                sleep(0.02)
                other.execute("COMMIT")
                sleep(0.001)

    writer = Thread(target=write_batches)
    writer.start()
    try:
        waits = [begin(connection) for _ in range(20)]
    finally:
        ended.set()
        writer.join()
    assert max(waits) < 0.5, waits


def test_a_writer_that_never_pauses_is_waited_for_as_long_as_the_settings_say(
    file: Path, connection: BaseDatabaseWrapper
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = monotonic()
        with pytest.raises(OperationalError, match="database is locked"):
            begin(connection)
        assert 0.5 <= monotonic() - started < 2
        other.execute("COMMIT")
    assert begin(connection) < 0.5


def test_the_wait_of_single_statements_stays_as_the_settings_say(connection: BaseDatabaseWrapper) -> None:
    begin(connection)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (500,)
