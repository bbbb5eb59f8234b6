"""The report says how an installation is."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from advancement.database.sizes import table_sizes
from advancement.diagnostics.report import diagnose
from advancement.models import Run
from tests.console.people import editor, operator
from tests.factories import add_rule, finished_run, make_sprout

pytestmark = pytest.mark.django_db


def facts(title: str) -> dict[str, str]:
    (found,) = [section for section in diagnose().sections if section.title == title]
    return dict(found.facts)


def test_it_names_versions_migrations_triggers_and_the_head_of_the_seals() -> None:
    assert {"Grove Console", "Django", "Python", "Database"} <= set(facts("Versions"))
    assert facts("Database")["Migrations"].startswith("all applied")
    assert facts("Database")["Triggers"].endswith("are in place")
    assert facts("Ledger")["Head of the seals"].startswith("0:")


def test_the_last_runs_are_listed_with_their_outcome() -> None:
    add_rule()
    make_sprout(signals={"citations": 5})
    run = finished_run()
    said = facts("Last runs")[f"Run {run.pk}"]
    assert "advancement by command" in said
    assert "succeeded, 1 evaluated, 1 to make, 1 moved" in said
    Run.objects.update(error="on\ntwo lines")
    assert facts("Last runs")[f"Run {run.pk}"].endswith(": on two lines")


def test_signals_schedule_and_outbox_are_told_of_also_where_there_are_none() -> None:
    assert facts("Signals")["Last refresh"].startswith("never")
    assert facts("Schedule and task clusters")["Last look for work"] == "never"
    assert facts("Notifications")["Recipients"] == "none"


def test_small_tables_are_counted_and_large_ones_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        make_sprout()
    assert str(table_sizes(["sprouts"])["sprouts"]) == "3"
    monkeypatch.setattr("advancement.database.sizes._MOST_COUNTED", 2)
    size = table_sizes(["sprouts", "advancement_events"])
    assert not size["sprouts"].exact
    assert str(size["sprouts"]).startswith("about ")
    assert size["advancement_events"].exact


def test_the_page_is_for_operators_and_asks_as_much_of_many_runs_as_of_one(
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:
    add_rule()
    for _ in range(12):
        make_sprout(signals={"citations": 5})
        finished_run()
    client = operator()
    address = reverse("console:diagnostics")
    # It looks at everything once.
    with django_assert_max_num_queries(29):
        page = client.get(address)
    assert "Diagnostics" in page.text
    assert editor().get(address).status_code == 403
