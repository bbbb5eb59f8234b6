"""Set a sprout's tier by hand."""

from typing import Any

from django.core.management.base import CommandParser

from advancement.criteria.wording import quoted
from advancement.database.clock import database_now
from advancement.management.base import ConsoleCommand, system_user
from advancement.management.values import days, sprout
from advancement.models import AdvancementEvent, Hold
from advancement.models.runs import RunTrigger
from advancement.runs.override import override_tier


class Command(ConsoleCommand):
    """Move one sprout, with a reason, and hold it there."""

    help = (
        "Set a sprout's tier by hand. Automation then leaves it alone until release_holds, unless --hold or "
        "--no-hold says otherwise."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("sprout", type=sprout, metavar="SPROUT", help="the sprout's id")
        parser.add_argument("tier", metavar="TIER", help="the tier to move it to")
        self.add_reason_option(parser, "the event")
        hold = parser.add_mutually_exclusive_group()
        hold.add_argument("--hold", type=days, metavar="DAYS", help="keep automation away for so many days")
        hold.add_argument("--no-hold", action="store_true", help="let the next run move it again")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Move it and say what was done."""
        run = override_tier(
            options["sprout"],
            options["tier"],
            reason=options["reason"],
            by=system_user(),
            trigger=RunTrigger.COMMAND,
            hold=not options["no_hold"],
            hold_until=database_now() + options["hold"] if options["hold"] else None,
        )
        event = AdvancementEvent.objects.get(run_id=run.pk)
        if options["json"]:
            held_until = run.hold_until.isoformat() if run.hold_until else None
            self.print_json(
                {
                    "run": str(run.pk),
                    "sprout": str(event.sprout_id),
                    "from": event.from_tier,
                    "to": event.to_tier,
                    "held": run.hold,
                    "held_until": held_until,
                }
            )
            return
        end = f"until {run.hold_until:%Y-%m-%d %H:%M} UTC" if run.hold_until else "until release_holds"
        hold = f"Automation leaves it alone {end}." if run.hold else "The next run may move it again."
        earlier = Hold.objects.in_force(database_now()).filter(sprout=event.sprout_id)
        if earlier.exclude(set_by_run_id=run.pk).exists():
            hold = "Earlier holds keep automation away from it; release_holds ends them."
        title = quoted(event.sprout_title)
        self.stdout.write(f"{title}: {event.from_tier} → {event.to_tier}. {hold}")
