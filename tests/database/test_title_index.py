"""Sprouts are found by an index of their titles, where PostgreSQL may have one."""

import pytest
from django.db import connection

from advancement.database.indexes import TITLE_INDEX, has_title_index, install_title_index
from advancement.models import Sprout
from tests.factories import make_sprout

pytestmark = pytest.mark.django_db

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL does this")


@on_postgresql
def test_a_part_of_a_title_is_looked_up_in_the_index() -> None:
    make_sprout(title="notes/oak.md")
    assert has_title_index(connection)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
    assert TITLE_INDEX in Sprout.objects.filter(title__icontains="OAK").explain()


def test_the_index_is_made_once_however_often_it_is_asked_for() -> None:
    there = connection.vendor == "postgresql"
    assert [install_title_index(connection) for _ in range(2)] == [there, there]
    assert has_title_index(connection) == there


@on_postgresql
def test_without_the_right_to_make_it_titles_are_read_and_nothing_else_fails() -> None:
    make_sprout(title="notes/oak.md")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {TITLE_INDEX}")
        cursor.execute("DROP EXTENSION pg_trgm")
        cursor.execute("CREATE ROLE grove_guest")
        cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO grove_guest")
        cursor.execute("SET LOCAL ROLE grove_guest")
    assert not install_title_index(connection)
    assert not has_title_index(connection)
    assert Sprout.objects.filter(title__icontains="OAK").count() == 1
