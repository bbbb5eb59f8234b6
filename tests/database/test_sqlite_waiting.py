"""On SQLite whoever wants to write comes between the batches of a run, and does not wait for its end."""

import gc
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

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
    connection.settings_dict["OPTIONS"]["timeout"] = 10
    ended = Event()

    def write_batches() -> None:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            while not ended.is_set():
                other.execute("BEGIN IMMEDIATE")
                sleep(0.02)
                other.execute("COMMIT")
                sleep(0.0003)

    writer = Thread(target=write_batches)
    writer.start()
    try:
        waits = [begin(connection) for _ in range(20)]
    finally:
        ended.set()
        writer.join()
    assert max(waits) < 3, waits


def test_a_writer_that_never_pauses_is_waited_for_as_long_as_the_settings_say(
    file: Path, connection: BaseDatabaseWrapper
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = monotonic()
        with pytest.raises(OperationalError, match="database is locked"):
            begin(connection)
        assert 0.5 <= monotonic() - started < 5
        other.execute("COMMIT")
    assert begin(connection) < 0.5


@pytest.fixture
def table(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("CREATE TABLE sprouts (id INTEGER)")


def insert(connection: BaseDatabaseWrapper) -> float:
    """Write a row outside of a transaction, and return how many seconds that took."""
    started = monotonic()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO sprouts VALUES (%s)", [1])
    return monotonic() - started


def test_a_single_statement_waits_as_a_transaction_does(
    file: Path, connection: BaseDatabaseWrapper, table: None
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = monotonic()
        with pytest.raises(OperationalError, match="database is locked"):
            insert(connection)
        assert 0.5 <= monotonic() - started < 5
        other.execute("COMMIT")
    assert insert(connection) < 0.5


def leave_a_cursor_for_the_garbage_collector(connection: BaseDatabaseWrapper) -> None:
    """As an error does whose traceback holds the cursor's frame, and which that frame holds."""
    holder: dict[str, Any] = {"cursor": connection.create_cursor().execute("SELECT * FROM sprouts")}
    holder["itself"] = holder


def test_a_writer_may_collect_what_a_waiting_thread_left_as_garbage(
    file: Path, connection: BaseDatabaseWrapper, table: None
) -> None:
    connection.settings_dict["OPTIONS"]["timeout"] = 10
    connection.inc_thread_sharing()
    waits: list[float] = []
    insert(connection)
    gc.disable()
    try:
        leave_a_cursor_for_the_garbage_collector(connection)
        with closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            waiting = Thread(target=lambda: waits.append(insert(connection)))
            waiting.start()
            sleep(0.2)
            started = monotonic()
            gc.collect()
            assert monotonic() - started < 5
            writer.execute("COMMIT")
            waiting.join()
    finally:
        gc.enable()
    assert 0.2 <= waits[0] < 5
