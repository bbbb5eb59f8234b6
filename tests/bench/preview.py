"""The live preview of a rule, as somebody types: count, details and chart, before and after a copy."""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from django.core.cache import cache
from django.db import connection
from rich.console import Console
from rich.table import Table

from advancement.criteria.rules import CriterionDefinition, RuleDefinition
from advancement.evaluation.histogram import histogram
from advancement.evaluation.preview import count_matches, preview_details
from advancement.evaluation.preview_cache import columns_of
from advancement.models import PreviewCache, PreviewRow, RuleVersion, Sprout
from tests.bench.measure import planted
from tests.bench.planting import CROWDED, TOP

# Rules as people write them: one criterion or several, over one period or all, of counts and of scores.
_CRITERIA: tuple[tuple[str, str, str], ...] = (
    ("AND", "views >= 0.5", "all_time"),
    ("AND", "citations >= 0.9, uniqueSessions >= 0.3", "all_time"),
    ("AND", "retrievals > 0.8, qualityScore >= 0.45, upvotes <= 0.9", "last_30d"),
    ("OR", "refinements >= 0.99, exports >= 0.98", "all_time"),
    ("AND", "views >= 0.2, citations >= 0.2, retrievals >= 0.2 last_30d, views >= 0.6 last_7d", "all_time"),
    ("OR", "uniqueHubs >= 0.97 last_7d, queryDiversity > 0.95, daysInTier < 0.001", "last_30d"),
)
Line = tuple[str, Callable[[RuleDefinition, RuleVersion], object]]
STEPS: list[Line] = [
    ("count", lambda rule, active: count_matches(rule)),
    ("details", lambda rule, active: preview_details(rule, active=active)),
    ("chart", lambda rule, active: histogram(rule, 0)),
]


def _rules(active: RuleDefinition) -> list[RuleDefinition]:
    return [
        replace(active, logic=logic, criteria=tuple(_criterion(text, period) for text in texts.split(", ")))
        for logic, texts, period in _CRITERIA
    ]


def _criterion(text: str, period: str) -> CriterionDefinition:
    signal, operator, part, *other = text.split()
    score = signal in {"qualityScore", "queryDiversity"}
    days = signal == "daysInTier"
    threshold = float(part) * (1 if score else 36_525 if days else TOP)
    return CriterionDefinition(signal, operator, threshold, *(other or [period]))


def _typed(rule: RuleDefinition, rounds: int) -> Iterator[RuleDefinition]:
    """Yield the rule as the first threshold is typed again and again."""
    first, *rest = rule.criteria
    for number in range(rounds):
        changed = replace(first, threshold=first.threshold * (1 - number / 50))
        yield replace(rule, criteria=(changed, *rest))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _forget() -> None:
    PreviewRow.objects.all().delete()
    PreviewCache.objects.all().delete()
    cache.clear()


def _measure(active: RuleVersion, rounds: int, table: Table) -> None:
    rules = _rules(active.definition)
    tier = (active.lifecycle_model_id, active.from_tier)
    size = Sprout.objects.filter(lifecycle_model=tier[0], tier=tier[1]).count()
    typed = [draft for rule in rules for draft in _typed(rule, rounds)]

    def add(source: str, what: str, milliseconds: list[float]) -> None:
        p50, p95 = statistics.median(milliseconds), statistics.quantiles(milliseconds, n=20)[-1]
        table.add_row(f"{size:,}", source, what, f"{p50:,.0f}", f"{p95:,.0f}", f"{min(milliseconds):,.0f}")

    def steps(source: str) -> None:
        for what, step in STEPS:
            add(source, what, [_timed(lambda draft=draft, step=step: step(draft, active)) for draft in typed])

    first: list[float] = []
    for draft in itertools.islice(itertools.cycle(typed), max(rounds, 3) * 2):
        _forget()
        first.append(_timed(lambda draft=draft: count_matches(draft)))
    source = "tables" if count_matches(typed[0]).exact else "sample"
    add(source, "first count", first)
    steps(source)
    if source == "tables":
        return
    builds = []
    for rule in rules:
        _forget()
        builds.append(_timed(lambda rule=rule: preview_details(rule, active=active, exact=True)))
    add("copy", "making it", builds)
    _forget()
    for rule in rules:  # all of their signals, as after an hour of editing
        preview_details(rule, active=active, exact=True)
    assert columns_of(rules) <= set(PreviewCache.objects.get().columns)
    steps("copy")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench preview", description=__doc__)
    parser.add_argument("--sprouts", type=int, default=100_000)
    parser.add_argument("--crowd", type=float, default=0.5, help="share of the sprouts in one tier")
    parser.add_argument("--rounds", type=int, default=5, help="key strokes in each of the six rules")
    options = parser.parse_args()
    table = Table(title=f"{connection.vendor}: preview of one rule among {options.sprouts:,} sprouts")
    for heading in ("tier", "from", "what", "p50 ms", "p95 ms", "least ms"):
        table.add_column(heading, justify="right" if "ms" in heading or heading == "tier" else "left")
    with planted(options.sprouts, 0.1, crowd=options.crowd) as fresh:
        fresh()
        for model, tier in (("academic", "paper"), CROWDED):
            active = RuleVersion.objects.filter(lifecycle_model_id=model, from_tier=tier).latest("id")
            _measure(active, options.rounds, table)
    Console(width=100).print(table)
