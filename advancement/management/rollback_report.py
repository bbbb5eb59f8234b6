"""A rollback's outcome as a table for a terminal."""

from collections.abc import Iterator
from typing import Any, Final

from rich.table import Table

from advancement.criteria.wording import join_words
from advancement.management.report import duration
from advancement.management.terminal import make_console
from advancement.models import Hold, Run
from advancement.models.runs import RunStatus

_BUCKETS: Final = (
    ("advanced_since", "Advanced since", "moved on afterwards; --unwind takes that back, too"),
    ("overridden_since", "Overridden since", "were set by a person afterwards, which stays"),
    ("already_rolled_back", "Already rolled back", "were taken back before"),
    ("gone", "Sprout gone", "belong to sprouts that no longer exist"),
    ("tier_gone", "Tier gone", "lead back to a tier that no longer exists"),
    ("excluded", "Excluded", "were excluded on request"),
    ("skipped", "Skipped", "changed between plan and apply"),
    ("failed", "Failed", "were not reached"),
)


def print_rollback(run: Run, summary: dict[str, Any]) -> None:
    """Print what a rollback took back, what it left alone and why, and what can be done next."""
    console = make_console()
    if run.planned_at and not summary["evaluated"]:
        console.print(f"Nothing to take back: there is no advancement {scope_of(run)}.")
        return
    console.print(_headline(run, summary), style="bold")
    console.print(_buckets(run, summary))
    for sentence in _afterwards(run, summary):
        console.print(sentence)


def scope_of(run: Run) -> str:
    """Say what a rollback is about, as the end of a sentence."""
    if run.undoes_id:
        return f"of rollback {run.undoes_id}"
    parts = []
    if run.scope_rule_id:
        parts.append(f"by rule {run.scope_rule_id}")
    if run.scope_run_id is not None:
        parts.append(f"in run {run.scope_run_id}")
    if run.scope_sprout_id is not None:
        parts.append(f"of sprout {run.scope_sprout_id}")
    if run.scope_since is not None:
        parts.append(f"since {run.scope_since:%Y-%m-%d %H:%M} UTC")
    if run.scope_until is not None:
        parts.append(f"until {run.scope_until:%Y-%m-%d %H:%M} UTC")
    return " ".join(parts)


def _headline(run: Run, summary: dict[str, Any]) -> str:
    later = summary["unwound"]
    figures = f"{summary['reverted'] - later:,} of {summary['evaluated'] - later:,} moves {scope_of(run)}"
    if later:
        figures += f", and {later:,} later ones,"
    if run.dry_run:
        return f"Dry run {run.pk}: {figures} would be taken back; nothing was changed."
    if run.status == RunStatus.SUCCEEDED:
        return f"Rollback {run.pk}: {figures} taken back in {duration(summary['seconds'])}."
    return f"Rollback {run.pk} is {run.status}: {figures} taken back."


def _buckets(run: Run, summary: dict[str, Any]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("Moves")
    table.add_column("Number", justify="right")
    table.add_column("They …", style="dim")
    taken_back = "Would be taken back" if run.dry_run else "Taken back"
    table.add_row(taken_back, f"{summary['reverted']:,}", "lead the sprout back to where it was")
    for key, label, shown in _BUCKETS:
        if summary[key]:
            table.add_row(label, f"{summary[key]:,}", shown)
    table.add_section()
    table.add_row("In all", f"{summary['evaluated']:,}", "")
    return table


def _afterwards(run: Run, summary: dict[str, Any]) -> Iterator[str]:
    if not summary["reverted"]:
        return
    if run.dry_run:
        yield f"show_plan {run.pk} lists the sprouts."
        return
    if run.hold:
        end = f"{run.hold_until:%Y-%m-%d %H:%M} UTC" if run.hold_until else "their holds are released"
        yield f"Automation does not move these sprouts until {end}."
    yield from _about_rules(run, summary)
    kept = "; the rules stay disabled" if run.rules_disabled else ""
    yield f"rollback_advancements --undo {run.pk} takes this back{kept}."


def _about_rules(run: Run, summary: dict[str, Any]) -> Iterator[str]:
    rules = join_words(summary["rules"], "and")
    if run.undoes:
        released = Hold.objects.filter(set_by_run_id=run.undoes_id, released_at__isnull=False).count()
        if released:
            yield f"Holds of rollback {run.undoes_id} released: {released:,}."
        if run.undoes.rules_disabled:
            yield f"Still disabled: {join_words(run.undoes.rules_disabled, 'and')}."
    elif run.rules_disabled:
        yield f"Disabled: {join_words(run.rules_disabled, 'and')}."
    elif run.disable_rules:
        yield f"Disabled before: {rules}."
    elif not run.hold:
        yield (
            "The next run may advance these sprouts again: "
            f"change or disable {rules}, or put the sprouts on hold."
        )
