"""`manage.py demo` in a fresh SQLite file, as `make demo` runs it."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection

from advancement.management.commands.demo import PASSWORD, PEOPLE, Command
from tests.processes import manage, sqlite
from tests.runs.conftest import database_url, execute

A_SPROUT = (
    "id,title,lifecycle_model,tier,created_at\n{},A note of ours,botanical,sprout,2026-01-01T00:00:00Z\n"
)

on_a_server = pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite is a file, not a server")


@pytest.fixture
def fresh(tmp_path: Path) -> dict[str, str]:
    return {"DEBUG": "1", "DATABASE_URL": sqlite(tmp_path)}


def test_the_demo_shows_an_explained_run_and_the_second_time_that_nothing_is_left(
    fresh: dict[str, str],
) -> None:
    first = manage("demo", **fresh)

    assert (first.returncode, first.stderr) == (0, "")
    assert "219 of 934 sprouts would advance; nothing was changed" in first.stdout
    assert "219 of 934 sprouts advanced" in first.stdout
    lines = [" ".join(line.replace("│", " ").split()) for line in first.stdout.splitlines()]
    for line in (
        "Advanced 219 met a rule and moved",
        "No match 670 met no rule and stay, which is normal",
        "sprout-to-sapling-basic 1 sprout → sapling 181",
        "sprout-to-sapling-active 1 sprout → sapling 38",
        "No signals 45 have no signals yet and were left out",
        "✓ citations ≥ 3: 4",
        "docs/DEBUGGING.md stays sprout: it meets no rule of its tier.",
        "✗ citations ≥ 3: 2, short by 1",
    ):
        assert line in lines
    assert lines[-3:] == [
        "make console serves it at http://127.0.0.1:8000/",
        "Sign in as operator with the password grove-demo",
        "Sign in as viewer, editor or approver, with grove-demo as well, to see what each role may do.",
    ]

    second = manage("demo", **fresh)

    assert (second.returncode, second.stderr) == (0, "")
    assert "0 of 715 sprouts advanced" in second.stdout
    assert "Nothing more advances" in second.stdout
    assert "219 in all (sprout-to-sapling-active 38, sprout-to-sapling-basic 181)" in second.stdout
    assert second.stdout.splitlines()[-10:] == first.stdout.splitlines()[-10:]
    assert manage("migrate", "--check", **fresh).returncode == 0


def test_the_demo_needs_debug(tmp_path: Path) -> None:
    answer = manage("demo", SECRET_KEY="x" * 60, DATABASE_URL=sqlite(tmp_path))
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith("The demo makes an operator whose password everybody knows")
    assert not (tmp_path / "grove.sqlite3").exists()


def test_the_demo_is_not_mixed_into_a_real_grove(fresh: dict[str, str], tmp_path: Path) -> None:
    ours = tmp_path / "ours.csv"
    ours.write_text(A_SPROUT.format("00000000-0000-4000-8000-000000000001"), encoding="utf-8")
    assert manage("migrate", **fresh).returncode == 0
    assert manage("import_sprouts", str(ours), **fresh).returncode == 0

    answer = manage("demo", **fresh)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("This database holds a grove that is not the sample")
    assert answer.stderr.count("\n") == 1


def test_the_demo_leaves_a_server_alone_without_even_asking_it() -> None:
    answer = manage("demo", DEBUG="1", DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("DATABASE_URL names a database on a server")
    assert "manage.py demo --use-database-url" in answer.stderr
    assert answer.stderr.count("\n") == 1


@on_a_server
@pytest.mark.django_db(transaction=True)
def test_on_request_the_demo_goes_into_an_empty_database_on_a_server_and_can_be_repeated() -> None:
    for figures in ("219 of 934 sprouts advanced", "0 of 715 sprouts advanced"):
        answer = manage("demo", "--use-database-url", DEBUG="1", DATABASE_URL=database_url())
        assert (answer.returncode, answer.stderr) == (0, "")
        assert figures in answer.stdout


@pytest.mark.django_db
def test_the_demo_adds_somebody_of_each_role_and_leaves_who_is_there_alone() -> None:
    User.objects.create_user("viewer", is_staff=True)
    Command()._prepare()
    Command()._prepare()
    people = User.objects.filter(username__in=PEOPLE, is_staff=True).order_by("pk")
    roles = {person.username: [group.name for group in person.groups.all()] for person in people}
    assert roles == {"viewer": [], "operator": [], "editor": ["Rule editor"], "approver": ["Approver"]}
    assert [person.username for person in people if person.is_superuser] == ["operator"]
    assert [person.username for person in people if person.check_password(PASSWORD)] == [
        "operator",
        "editor",
        "approver",
    ]


@on_a_server
@pytest.mark.django_db(transaction=True)
def test_the_demo_never_goes_where_somebody_else_can_sign_in() -> None:
    User.objects.create_user("olga")
    answer = manage("demo", "--use-database-url", DEBUG="1", DATABASE_URL=database_url())
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("Somebody else uses this database already")
    assert not User.objects.filter(username="operator").exists()


@on_a_server
@pytest.mark.django_db(transaction=True)
def test_the_demo_never_goes_beside_the_tables_of_others() -> None:
    execute("CREATE TABLE invoices (id int)")
    try:
        answer = manage("demo", "--use-database-url", DEBUG="1", DATABASE_URL=database_url())
    finally:
        execute("DROP TABLE invoices")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("Somebody else uses this database already")
