"""Show what a run's plan would move, and what it left out and why."""

from typing import Any, Final

from django.core.management.base import CommandParser
from rich.console import Console
from rich.table import Table
from rich.text import Text

from advancement.criteria.errors import AdvancementError
from advancement.management.base import ConsoleCommand, usage_error
from advancement.models import LeftOut, Move, Run, Sprout

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
        moves, left_out = _moves(run, options["limit"]), _left_out(run, options["limit"])
        if options["json"]:
            self.print_json({"run": str(run.pk), "status": run.status, "moves": moves, "left_out": left_out})
        else:
            _print(run, moves, left_out)


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


def _print(run: Run, moves: list[dict[str, Any]], left_out: list[dict[str, Any]]) -> None:
    console = Console(highlight=False)
    console.print(
        f"Run {run.pk} is {run.status}. Its plan moves {run.moves_planned:,} sprouts.", markup=False
    )
    for reason in run.held_because:
        console.print(reason, markup=False)
    _table(console, moves, ("title", "from", "to", "rule"), run.moves_planned)
    total = LeftOut.objects.filter(run=run.pk).count()
    if total:
        console.print("\nLeft out, each with its reason:")
        _table(console, left_out, ("title", "bucket", "reason"), total)


def _table(console: Console, rows: list[dict[str, Any]], columns: tuple[str, ...], total: int) -> None:
    if not rows:
        return
    table = Table(show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column.capitalize(), overflow="fold")
    for row in rows:
        table.add_row(*(_shown(str(row[column])) for column in columns))
    console.print(table)
    if total > len(rows):
        console.print(f"… and {total - len(rows):,} more; --limit shows more of them.")


def _shown(text: str) -> Text:
    """Show control characters and direction marks escaped, and nothing read as style or as an emoji."""
    return Text("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))
