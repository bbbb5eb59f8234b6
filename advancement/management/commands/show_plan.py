"""Show what a run's plan would move, and what it left out and why."""

from collections.abc import Iterator
from typing import Any, Final

from django.core.management.base import CommandParser
from rich.console import Console
from rich.table import Table

from advancement.criteria.errors import AdvancementError
from advancement.management.base import ConsoleCommand, usage_error
from advancement.management.terminal import make_console, shown
from advancement.models import AdvancementEvent, LeftOut, Move, Run, Sprout
from advancement.models.runs import RunKind, RunStatus

_GONE: Final = "(deleted)"


class Command(ConsoleCommand):
    """List the moves of a run's plan and its left-outs; reads only."""

    help = "List what a run's plan would move, and what it left out with the reason."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("run", type=int, metavar="RUN", help="the run's number")
        parser.add_argument(
            "--limit", type=int, default=50, metavar="N", help="rows of each list; default 50"
        )
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the lists."""
        if not 1 <= options["limit"] <= 1_000_000:
            raise usage_error("--limit must be a whole number from 1 to 1,000,000.")
        run = Run.objects.filter(pk=options["run"]).first()
        if run is None:
            raise AdvancementError(f"There is no run {options['run']}.")
        plan = _plan(run, options["limit"])
        if options["json"]:
            self.print_json(plan)
        else:
            _print(run, plan)


def _plan(run: Run, limit: int) -> dict[str, Any]:
    return {
        "run": str(run.pk),
        "kind": run.kind,
        "status": run.status,
        "dry_run": run.dry_run,
        "held_because": run.held_because,
        "decided_by": run.decided_by,
        "decided_at": run.decided_at.isoformat() if run.decided_at else None,
        "decision_reason": run.decision_reason,
        "moves_total": Move.objects.filter(run=run.pk).count(),
        "moves": _moves(run, limit),
        "left_out_total": LeftOut.objects.filter(run=run.pk).count(),
        "left_out": _left_out(run, limit),
    }


def _moves(run: Run, limit: int) -> list[dict[str, Any]]:
    rows = Move.objects.filter(run=run.pk).order_by("position").select_related("rule_version")[:limit]
    titles = _titles([move.sprout_id for move in rows])
    return [
        {
            "sprout": str(move.sprout_id),
            "title": titles.get(move.sprout_id, _GONE),
            "from": move.from_tier,
            "to": move.to_tier,
            "rule": move.rule_version.rule_id if move.rule_version else None,
            "version": move.rule_version.number if move.rule_version else None,
        }
        for move in rows
    ]


def _left_out(run: Run, limit: int) -> list[dict[str, Any]]:
    rows = LeftOut.objects.filter(run=run.pk).order_by("id")[:limit]
    titles = _titles([row.sprout_id for row in rows])
    return [
        {
            "sprout": str(row.sprout_id),
            "title": titles.get(row.sprout_id, _GONE),
            "bucket": row.bucket,
            "reason": row.reason,
        }
        for row in rows
    ]


def _titles(keys: list[Any]) -> dict[Any, str]:
    return dict(Sprout.objects.filter(pk__in=keys).values_list("pk", "title"))


def _print(run: Run, plan: dict[str, Any]) -> None:
    console = make_console()
    for sentence in _headline(run, plan["moves_total"]):
        console.print(sentence)
    _table(console, plan["moves"], ("title", "from", "to", "rule", "version", "sprout"), plan["moves_total"])
    if plan["left_out_total"]:
        console.print("\nLeft out, each with its reason:")
        _table(console, plan["left_out"], ("title", "bucket", "reason", "sprout"), plan["left_out_total"])


def _headline(run: Run, moves: int) -> Iterator[str]:
    """Say where the run stands, what its plan does or did, and who decided about it and why."""
    name = {RunKind.ROLLBACK: "Rollback", RunKind.OVERRIDE: "Override"}.get(RunKind(run.kind), "Run")
    if run.dry_run:
        name = "Dry run"
    yield f"{name} {run.pk} {_standing(run, moves)}"
    if run.held_because:
        yield " ".join([*(["A real run would be held."] if run.dry_run else []), *run.held_because])
    if run.decided_at:
        word = "Discarded" if run.status == RunStatus.DISCARDED else "Approved"
        yield f"{word} by {run.decided_by} at {run.decided_at:%Y-%m-%d %H:%M} UTC: {run.decision_reason}"
    elif run.reason:
        yield f"Asked for by {run.requested_by}: {run.reason}"


def _standing(run: Run, moves: int) -> str:
    moved = AdvancementEvent.objects.filter(run_id=run.pk).count()
    done = f"{moved:,} of the {moves:,} moves of its plan were made"
    standings: dict[str, str] = {
        RunStatus.PLANNING: "has no plan yet.",
        RunStatus.HELD: f"is held by a guardrail. Its plan would make {_moves_words(moves)}.",
        RunStatus.APPLYING: f"is being applied: {done} so far.",
        RunStatus.SUCCEEDED: f"has succeeded: {done}.",
        RunStatus.FAILED: f"has failed: {run.error.rstrip('.')}. {done}.",
        RunStatus.DISCARDED: f"was discarded. Its plan would have made {_moves_words(moves)}.",
        RunStatus.CANCELLED: f"was cancelled by the newer plan of run {run.superseded_by_id}: {done}.",
    }
    return standings.get(run.status, f"is {run.status}. Its plan would make {_moves_words(moves)}.")


def _moves_words(count: int) -> str:
    return f"{count:,} {'move' if count == 1 else 'moves'}"


def _table(console: Console, rows: list[dict[str, Any]], columns: tuple[str, ...], total: int) -> None:
    if not rows:
        return
    table = Table(show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column.capitalize(), overflow="fold")
    for row in rows:
        table.add_row(*("–" if row[column] is None else shown(str(row[column])) for column in columns))
    console.print(table)
    if total > len(rows):
        console.print(f"… and {total - len(rows):,} more; --limit shows more of them.")
