"""The table at the end: what was injected, and what came of it."""

import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime

import django
import django_q
import psycopg
from django.db import connection

from tests.faults.verdict import Verdict

_HEADINGS = ("fault", "faults", "recovered", "lost", "duplicated", "orphaned", "median s", "max s")


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts by kind as a table in Markdown."""
    kinds = list(dict.fromkeys(verdict.kind for verdict in verdicts))
    lines = [_line(_HEADINGS), _line(["---"] + ["---:"] * (len(_HEADINGS) - 1))]
    lines += [_row(kind, [verdict for verdict in verdicts if verdict.kind == kind]) for kind in kinds]
    lines.append(_row("**all**", verdicts))
    return "\n".join(lines)


def heading(seed: int, seconds: float) -> str:
    """Return when, on what and from which seed the faults were injected."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        server = cursor.fetchone()[0].split()[0]
    versions = (
        f"PostgreSQL {server}, Python {platform.python_version()}, Django {django.__version__}, "
        f"psycopg {psycopg.__version__}, django-q2 {'.'.join(map(str, django_q.VERSION))}"
    )
    return f"{datetime.now(UTC):%Y-%m-%d}, seed {seed}, {seconds / 60:.1f} minutes, {versions}"


def failures(verdicts: Sequence[Verdict], seed: int) -> str:
    """Name what went wrong and how to repeat it."""
    return "\n".join(
        f"{verdict.name}: {verdict.problem}\n"
        f"    again: make faults ARGS=\"--seed {seed} --only '{verdict.name}'\""
        for verdict in verdicts
        if not verdict.well
    )


def _row(name: str, verdicts: Sequence[Verdict]) -> str:
    seconds = [verdict.seconds for verdict in verdicts]
    figures = [
        len(verdicts),
        sum(verdict.well for verdict in verdicts),
        sum(verdict.lost for verdict in verdicts),
        sum(verdict.duplicated for verdict in verdicts),
        sum(verdict.orphaned for verdict in verdicts),
    ]
    times = (f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}")
    return _line([name, *(f"{figure:,}" for figure in figures), *times])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
