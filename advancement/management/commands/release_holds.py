"""Let automation move sprouts again."""

from typing import Any

from django.core.management.base import CommandParser

from advancement.holds import release_holds
from advancement.management.base import ConsoleCommand, system_user
from advancement.management.sprouts import add_sprouts, sprouts_given


class Command(ConsoleCommand):
    """Release every hold in force on sprouts."""

    help = "End every hold in force on sprouts, so that automation may move them again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_sprouts(parser)
        self.add_reason_option(parser, "the hold")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Release them and say how many holds there were."""
        released = release_holds(
            sprouts_given(options["sprouts"]), reason=options["reason"], by=system_user()
        )
        if options["json"]:
            self.print_json({"released": released})
        else:
            self.stdout.write(f"Holds released: {released:,}.")
