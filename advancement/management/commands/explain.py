"""Say why a sprout would advance, or why not."""

from typing import Any

from django.core.management.base import CommandParser

from advancement.criteria.errors import AdvancementError
from advancement.evaluation.explain import explain
from advancement.management.base import ConsoleCommand
from advancement.management.explanation import explanation_json, explanation_lines
from advancement.management.terminal import visible
from advancement.management.values import sprout
from advancement.models import Sprout


class Command(ConsoleCommand):
    """Judge one sprout as a run would now, and show every rule of its tier; changes nothing."""

    help = (
        "Say why a run would advance a sprout now, or why not: each rule of its tier, criterion by "
        "criterion, and the hold or the signal gate that stands against it. Changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("sprout", type=sprout, metavar="SPROUT", help="the sprout's id")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Explain."""
        try:
            explanation = explain(options["sprout"])
        except Sprout.DoesNotExist:
            raise AdvancementError(f"There is no sprout {options['sprout']}.") from None
        if options["json"]:
            self.print_json(explanation_json(explanation))
        else:
            self.stdout.write("\n".join(visible(line) for line in explanation_lines(explanation)))
