"""A run's outcome as tables for a terminal."""

from typing import Any, Final

from rich.table import Table

from advancement.management.terminal import make_console
from advancement.models import Run
from advancement.models.runs import RunStatus

_BUCKETS: Final = (
    ("advanced", "Advanced", "met a rule and moved"),
    ("no_match", "No match", "met no rule and stay, which is normal"),
    ("no_signals", "No signals", "have no signals yet and were left out"),
    ("held", "Held", "are on hold"),
    ("blocked", "Blocked", "match only rules that the signal gate stopped"),
    ("invalid", "Invalid", "are in a tier unknown to their model"),
    ("skipped", "Skipped", "changed since the plan, or were taken out of it"),
    ("failed", "Failed", "were not reached"),
)


def print_run(run: Run, summary: dict[str, Any], *, worked: bool) -> None:
    """Print what a run did: where every candidate went, by rule, and what deserves a look."""
    console = make_console()
    if not worked:
        console.print(f"{run.logical_date} was already claimed by run {run.pk}, which is {run.status}.")
        return
    console.print(_headline(run, summary), style="bold")
    console.print(_buckets(run, summary))
    if summary["by_rule"]:
        console.print()
        console.print(_rules(summary))
    for line in summary["invalid_rules"]:
        console.print(f"Rule {line['rule']} was skipped: {line['reason']}")
    for line in summary["stopped_rules"]:
        console.print(f"Rule {line['rule']} was stopped: {line['reason']}")
    if run.dry_run and run.held_because:
        reasons = " ".join(run.held_because)
        console.print(f"A real run would be held by a guardrail. {reasons}")


def _headline(run: Run, summary: dict[str, Any]) -> str:
    tiers = ", ".join(run.from_tiers)
    figures = f"{summary['advanced']:,} of {summary['evaluated']:,} sprouts"
    if run.dry_run:
        return f"Dry run {run.pk} from {tiers}: {figures} would advance; nothing was changed."
    if run.status == RunStatus.HELD:
        return f"Run {run.pk} from {tiers} is held: {figures} would advance; nothing was changed."
    if run.status == RunStatus.SUCCEEDED:
        return f"Run {run.pk} from {tiers}: {figures} advanced in {duration(summary['seconds'])}."
    return f"Run {run.pk} from {tiers} is {run.status}: {figures} advanced."


def duration(seconds: float) -> str:
    """Return how long something took, in milliseconds below a second."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{max(seconds * 1000, 1):.0f} ms"


def _buckets(run: Run, summary: dict[str, Any]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("Where they went")
    table.add_column("Sprouts", justify="right")
    table.add_column("They …", style="dim")
    for key, label, meaning in _BUCKETS:
        shown = meaning
        if key == "advanced" and (run.dry_run or run.status == RunStatus.HELD):
            label, shown = "Would advance", "meet a rule"
        table.add_row(label, f"{summary[key]:,}", shown)
    table.add_section()
    table.add_row("Evaluated", f"{summary['evaluated']:,}", "")
    return table


def _rules(summary: dict[str, Any]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("By rule")
    table.add_column("Version", justify="right")
    table.add_column("From → to")
    table.add_column("Sprouts", justify="right")
    for line in summary["by_rule"]:
        table.add_row(
            line["rule"], str(line["version"]), f"{line['from']} → {line['to']}", f"{line['count']:,}"
        )
    return table
