"""The report itself: sections of facts, each as far as it can be found out."""

import platform
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import django.db
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from advancement.criteria.wording import age_words
from advancement.database.clock import database_now
from advancement.database.sizes import database_size, table_sizes
from advancement.database.triggers import count_triggers, missing_triggers
from advancement.diagnostics.clusters import clusters, heartbeats
from advancement.diagnostics.secrets import without_secrets
from advancement.diagnostics.shown import shown_settings
from advancement.ledger.record import last_check, ledger_fault
from advancement.ledger.seals import head_of_chain, unsealed_runs
from advancement.models import Run, Schedule, SignalRefresh
from advancement.notifications.outbox import outbox_state, recipients
from advancement.runs.asked_for import asked_for_fault
from advancement.runs.schedule import fault_of, next_slot

_LAST_RUNS: Final = 10
_PACKAGES: Final = ("Django", "django-q2", "psycopg", "gunicorn")
_GIGABYTE: Final = 10**9

Facts = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """Facts of one kind, each with its name."""

    title: str
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Report:
    """What was found at a moment."""

    made_at: datetime
    sections: list[Section]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"Grove Console, diagnostics of {_time(self.made_at)}"
        for section in self.sections:
            yield ""
            yield section.title
            width = max((len(name) for name, _ in section.facts), default=0)
            for name, value in section.facts:
                yield f"  {name:<{width}}  {value}"


def diagnose() -> Report:
    """Look at everything and return what was found, without a secret.

    What cannot be read says why; it keeps nothing else from being read.
    """
    return Report(datetime.now(UTC), [Section(title, _read(facts)) for title, facts in _SECTIONS])


def _read(facts: Callable[[], Facts]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    try:
        found.extend(facts())
    except (django.db.Error, OSError) as error:
        found.append(("Cannot be read", str(error).strip() or type(error).__name__))
    return [(name, _one_line(value)) for name, value in found]


def _one_line(text: str) -> str:
    return without_secrets(" ".join(text.split()))


def _versions() -> Facts:
    project = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text(encoding="utf-8"))
    yield "Grove Console", project["project"]["version"]
    yield "Python", platform.python_version()
    for package in _PACKAGES:
        yield package, version(package)
    yield "System", platform.platform()
    yield "Database", _database_version()


def _database_version() -> str:
    connection.ensure_connection()
    numbers = ".".join(map(str, connection.get_database_version()))
    return f"{connection.display_name} {numbers}"


def _database() -> Facts:
    yield "Takes", f"{database_size() / _GIGABYTE:,.2f} GB"
    folder = (
        settings.BASE_DIR
        if connection.vendor == "postgresql"
        else Path(connection.settings_dict["NAME"]).parent
    )
    yield "Free on this machine's disk", f"{shutil.disk_usage(folder).free / _GIGABYTE:,.1f} GB"
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in pending)
    ours = [name for app, name in executor.loader.applied_migrations if app == "advancement"]
    yield "Migrations", f"missing: {names}" if pending else f"all applied, the newest is {max(ours)}"
    missing = missing_triggers(connection)
    there = f"all {count_triggers(connection)} are in place"
    yield "Triggers", f"missing: {', '.join(missing)}" if missing else there


def _rows() -> Facts:
    tables = sorted(model._meta.db_table for model in apps.get_app_config("advancement").get_models())
    for table, size in table_sizes(tables).items():
        yield table, str(size)


def _schedule() -> Facts:
    schedule = Schedule.objects.first()
    now = database_now()
    next_run = next_slot(now)
    yield "Next run", _time(next_run) if next_run else "not scheduled here"
    yield "Active since", _time(schedule.activated_at if schedule else None)
    yield "Last look for work", _ago(schedule.ticked_at if schedule else None)
    yield "Says", fault_of(schedule, now) or "it looks for work every minute"
    yield "Imports and refreshes", asked_for_fault() or "none waits for a worker"
    for cluster in clusters():
        done = _ago(cluster.last_done)
        yield (
            f"Cluster {cluster.name}",
            f"{cluster.waiting:,} waiting, {cluster.failed:,} failed, last done {done}",
        )
    beats = heartbeats()
    yield "Process groups alive", str(len(beats))
    for beat in beats:
        yield f"Process {beat.process}", f"on {beat.host}, {beat.status.lower()}, since {_time(beat.since)}"


def _runs() -> Facts:
    for run in Run.objects.order_by("-pk")[:_LAST_RUNS]:
        dry = ", a dry run" if run.dry_run else ""
        figures = f"{run.evaluated:,} evaluated, {run.plan_in_words}, {run.advanced:,} moved"
        why = f": {run.error}" if run.error else ""
        yield (
            f"Run {run.pk}",
            f"{run.kind}{dry} by {run.trigger} at {_time(run.created_at)}, {run.status}, {figures}{why}",
        )


def _signals() -> Facts:
    refresh = SignalRefresh.objects.behind()
    if refresh is None:
        yield "Last refresh", "never: rules on signals move nothing"
        return
    yield "Last refresh", f"{refresh.kind}{', full' if refresh.full else ''}, {_ago(refresh.finished_at)}"
    yield "Took", f"{refresh.seconds:,.1f} seconds"
    yield "As of", _time(refresh.as_of) if refresh.as_of else "as imported"
    yield "Sprouts", f"{refresh.sprouts:,}"


def _notifications() -> Facts:
    channels = [channel for channel, _ in recipients()]
    yield (
        "Recipients",
        ", ".join(f"{channels.count(name)} by {name}" for name in dict.fromkeys(channels)) or "none",
    )
    outbox = outbox_state()
    since = f", since {_time(outbox.waiting_since)}" if outbox.waiting_since else ""
    yield "Waiting", f"{outbox.pending:,}{since}"
    yield "Given up", f"{outbox.failed:,}"
    yield "Last sent", _ago(outbox.last_sent)
    yield "Says", outbox.fault or "nothing is stuck"


def _ledger() -> Facts:
    yield "Head of the seals", str(head_of_chain())
    checked = last_check()
    yield "Last check", _ago(checked.checked_at if checked else None)
    yield "Says", ledger_fault(checked) or ("no fault found" if checked else "nobody has checked it yet")
    yield "Runs not sealed yet", f"{unsealed_runs().count():,}"


_SECTIONS: Final[tuple[tuple[str, Callable[[], Facts]], ...]] = (
    ("Versions", _versions),
    ("Settings", shown_settings),
    ("Database", _database),
    ("Schedule and task clusters", _schedule),
    ("Last runs", _runs),
    ("Signals", _signals),
    ("Notifications", _notifications),
    ("Ledger", _ledger),
    ("Rows", _rows),
)


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "never"


def _ago(moment: datetime | None) -> str:
    return f"{age_words(datetime.now(UTC) - moment)} ago, at {_time(moment)}" if moment else "never"
