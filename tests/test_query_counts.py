"""The number of queries does not grow with the grove: pinned at 10 rows and at 1,000."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings

from advancement import tasks
from advancement.aggregation import refresh_signals
from advancement.evaluation.explain import explain
from advancement.evaluation.plan import make_plan
from advancement.importing import EventImporter, SignalImporter, SproutImporter, import_file
from advancement.importing.importer import Importer
from advancement.models import Sprout, UsageEvent
from advancement.models.runs import RunTrigger
from advancement.rulebook.saving import save_rules
from advancement.runs.start import RunRequest, start_run
from advancement.runs.summary import summarise
from tests.criteria.cast import make_rule
from tests.database.rows import usage_event_values
from tests.factories import add_rule, finished_run, sprout_values
from tests.importing.conftest import event_row, jsonl, signal_row, sprout_row
from tests.runs.conftest import plant

pytestmark = pytest.mark.django_db

Act = Callable[[], Any]


@pytest.fixture(autouse=True)
def no_guardrails(settings: Settings) -> None:
    settings.ADVANCEMENT_MAX_SHARE = 1.0


def id_of(number: int) -> str:
    return f"0b0f1a52-6a3e-4f2c-9a57-{number:012}"


def used(rows: int) -> None:
    """Plant sprouts that were used."""
    events = [usage_event_values(sprout_id=sprout.pk) for sprout in plant(rows)]
    UsageEvent.objects.bulk_create(events)


def plan(rows: int, path: Path) -> Act:
    add_rule("citations >= 3")
    plant(rows)
    run = start_run(RunRequest(), trigger=RunTrigger.COMMAND)
    return lambda: make_plan(run, run.lease_token)


def summary(rows: int, path: Path) -> Act:
    add_rule("citations >= 3")
    plant(rows)
    run = finished_run()
    return lambda: summarise(run)


def explanation(rows: int, path: Path) -> Act:
    add_rule("citations >= 3")
    (sprout, *_) = plant(rows)
    return lambda: explain(sprout.pk)


def full_refresh(rows: int, path: Path) -> Act:
    used(rows)
    return lambda: refresh_signals(full=True)


def incremental_refresh(rows: int, path: Path) -> Act:
    used(rows)
    refresh_signals()
    UsageEvent.objects.update(rating="", event_type="sprout_exported")
    return lambda: refresh_signals()


def import_of(importer: type[Importer], text: str, path: Path) -> Act:
    path.write_text(text)
    return lambda: import_file(importer, str(path))


def sprouts_file(rows: int, path: Path) -> Act:
    return import_of(SproutImporter, jsonl(*(sprout_row(id=id_of(n)) for n in range(rows))), path)


def events_file(rows: int, path: Path) -> Act:
    Sprout.objects.bulk_create([sprout_values(id=id_of(n)) for n in range(rows)])
    events = (event_row(id=f"e{n}", sproutId=id_of(n)) for n in range(rows))
    return import_of(EventImporter, jsonl(*events), path)


def signals_file(rows: int, path: Path) -> Act:
    Sprout.objects.bulk_create([sprout_values(id=id_of(n)) for n in range(rows)])
    return import_of(SignalImporter, jsonl(*(signal_row(sprout_id=id_of(n)) for n in range(rows))), path)


def idle_tick(rows: int, path: Path) -> Act:
    cache.clear()
    add_rule("citations >= 3")
    plant(rows)
    finished_run()
    tasks.tick()
    return tasks.tick


def rules_over_sprouts(rows: int, path: Path) -> Act:
    plant(rows)
    return lambda: save_rules([make_rule("citations >= 3")], by="tests")


# (on SQLite, on PostgreSQL)
PINNED: dict[Callable[[int, Path], Act], tuple[int, int]] = {
    plan: (16, 20),
    summary: (3, 3),
    explanation: (9, 10),
    full_refresh: (12, 19),
    incremental_refresh: (21, 29),
    sprouts_file: (20, 26),
    events_file: (14, 19),
    signals_file: (22, 29),
    idle_tick: (14, 16),
    rules_over_sprouts: (13, 13),
}


@pytest.mark.parametrize("rows", [10, 1000])
@pytest.mark.parametrize("prepare", PINNED, ids=lambda prepare: prepare.__name__)
def test_it_takes_the_same_queries_at_any_size(
    prepare: Callable[[int, Path], Act],
    rows: int,
    tmp_path: Path,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    act = prepare(rows, tmp_path / "data")
    with django_assert_num_queries(PINNED[prepare][connection.vendor == "postgresql"]):
        act()


@pytest.mark.parametrize("count", [1, 10, 100])
def test_each_rule_that_is_saved_adds_a_few_queries(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rules = [make_rule(f"citations >= {n + 1}", slug=f"rule-{n}", priority=n) for n in range(count)]
    with django_assert_num_queries(5 + 8 * count):
        save_rules(rules, by="tests")
    with django_assert_num_queries(5 + 3 * count):  # nothing changed
        save_rules(rules, by="tests")
