"""Copies of one planted database, and the server that has them."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from django.db import connection

TEMPLATE = "grove_faults_template"
_PREFIX = "grove_fault_"

# Kept for the life of the process: a forked child must never close the one of its parent.
_sessions: dict[int, "psycopg.Connection[Any]"] = {}
_given_up: list[Any] = []


def session() -> "psycopg.Connection[Any]":
    """Return this process's own session, on the database that DATABASE_URL names."""
    known = _sessions.get(os.getpid())
    if known is not None:
        try:
            known.execute("SELECT 1")
        except psycopg.Error:
            _given_up.append(known)
        else:
            return known
    _sessions[os.getpid()] = opened = open_session(config()["NAME"])
    return opened


def open_session(name: str, port: int | None = None) -> "psycopg.Connection[Any]":
    """Open a session on a database beside Django, in autocommit mode."""
    c = config()
    return psycopg.connect(
        dbname=name,
        host=c["HOST"],
        port=port or c["PORT"],
        user=c["USER"],
        password=c["PASSWORD"],
        autocommit=True,
    )


@contextlib.contextmanager
def beside(name: str) -> "Iterator[psycopg.Connection[Any]]":
    """Open a session on a database for a while; it may be ended by the server meanwhile."""
    opened = open_session(name)
    try:
        yield opened
    finally:
        opened.close()


def config() -> dict[str, Any]:
    """Return how the database of DATABASE_URL is reached."""
    global _original
    if _original is None:
        _original = dict(connection.settings_dict)
    return _original


_original: dict[str, Any] | None = None


def url(name: str, port: int | None = None) -> str:
    """Return the address of a database for a process of its own."""
    c = config()
    return f"postgres://{c['USER']}:{quote(c['PASSWORD'], safe='')}@{c['HOST']}:{port or c['PORT']}/{name}"


def use(name: str, **others: Any) -> None:
    """Let this process's Django work on a database; the connection opens with the first query."""
    config()
    connection.close()
    connection.settings_dict.update(NAME=name, **others)


def current() -> str:
    """Return the name of the database that this process's Django works on."""
    return str(connection.settings_dict["NAME"])


def make_template(name: str = TEMPLATE) -> None:
    """Make an empty database to be planted."""
    drop(name)
    session().execute(f"CREATE DATABASE {name}")


def drop(name: str) -> None:
    """Drop a database whoever uses it."""
    session().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextlib.contextmanager
def copy() -> Iterator[str]:
    """Make a fresh copy of the template and yield its name; it is dropped afterwards."""
    name = f"{_PREFIX}{os.getpid()}"
    drop(name)
    session().execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    # Else a crash takes the copy's sequences back: what the template logged ahead is not logged for its copy.
    session().execute("CHECKPOINT")
    try:
        yield name
    finally:
        drop(name)


def drop_all() -> None:
    """Drop the template and what an earlier, interrupted run left."""
    found = session().execute("SELECT datname FROM pg_database WHERE datname LIKE 'grove!_fault%' ESCAPE '!'")
    for (name,) in found.fetchall():
        drop(name)


def restart(mode: str = "immediate") -> None:
    """Restart the server; `immediate` is as if it had crashed."""
    data = Path(os.environ["GROVE_TEST_PGDATA"])
    _pg_ctl("restart", "-D", str(data), "-m", mode, "-w", "-s", "-l", str(data / "restarts.log"))


def _pg_ctl(*arguments: str) -> None:
    owner = os.environ.get("GROVE_TEST_PGOWNER") or None
    identity: Mapping[str, Any] = {"user": owner, "group": owner, "extra_groups": []} if owner else {}
    subprocess.run(
        [os.environ["GROVE_TEST_PGCTL"], *arguments],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        **identity,
    )
