"""`manage.py aggregate_signals`: usage events → signals."""

from typing import Any

from django.core.management.base import CommandParser

from advancement.aggregation import refresh_signals
from advancement.criteria.signals import Period
from advancement.management.base import ConsoleCommand
from advancement.management.values import instant
from advancement.models import SignalRefresh


class Command(ConsoleCommand):
    """Compute the signals from the usage events, for all three periods unless told."""

    help = "Bring the signals up to date with the usage events."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--period",
            action="append",
            choices=[period.value for period in Period],
            dest="periods",
            help="only this period; may be given more than once",
        )
        parser.add_argument(
            "--as-of",
            type=instant,
            metavar="TIME",
            help="compute as if it were then, in full; UTC unless it has a zone",
        )
        parser.add_argument("--full", action="store_true", help="compute every sprout with usage events anew")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Refresh and print the record."""
        periods = [Period(period) for period in options["periods"] or Period]
        with self.phases() as progress:
            record = refresh_signals(
                periods=periods, as_of=options["as_of"], full=options["full"], progress=progress
            )
        if options["json"]:
            self.print_json(_summary(record))
        else:
            self.stdout.write(_sentence(record))


def _summary(record: SignalRefresh) -> dict[str, Any]:
    return {
        "refresh": str(record.pk),
        "as_of": record.as_of.isoformat() if record.as_of else None,
        "periods": record.periods,
        "full": record.full,
        "sprouts": record.sprouts,
        "rows": record.sprouts * len(record.periods),
        "seconds": _seconds(record),
    }


def _sentence(record: SignalRefresh) -> str:
    rows = record.sprouts * len(record.periods)
    way = "full" if record.full else "incremental"
    return (
        f"Signals as of {record.as_of:%Y-%m-%d %H:%M} UTC: {record.sprouts:,} sprouts, {rows:,} rows, "
        f"{way}, {_seconds(record):.1f} s."
    )


def _seconds(record: SignalRefresh) -> float:
    return round((record.finished_at - record.started_at).total_seconds(), 3)
