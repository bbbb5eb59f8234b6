"""Read rules from a JSON file."""

from typing import Any

from django.core.management.base import CommandParser

from advancement.criteria.errors import AdvancementError
from advancement.importing.reading import name_of
from advancement.importing.rules import read_rules
from advancement.management.base import ConsoleCommand, system_user
from advancement.rulebook.errors import RulesRefused
from advancement.rulebook.saving import save_rules


class Command(ConsoleCommand):
    """Add or change the rules of a file; those that are not in it stay as they are."""

    help = (
        "Read a JSON list of rules; each becomes the active version of its rule. "
        "One bad rule refuses the file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", metavar="FILE", help="a JSON file, or - for standard input")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, save and report."""
        rules = read_rules(options["file"])
        try:
            saved = save_rules(rules, by=system_user())
        except RulesRefused as refusal:
            raise AdvancementError(f"{refusal}\nNothing of {name_of(options['file'])} was kept.") from refusal
        if options["json"]:
            self.print_json(
                {
                    "added": saved.added,
                    "changed": saved.changed,
                    "unchanged": saved.unchanged,
                    "warnings": saved.warnings,
                }
            )
            return
        for warning in saved.warnings:
            self.stderr.write(f"Note: {warning}")
        self.stdout.write(
            f"{len(rules)} {'rule' if len(rules) == 1 else 'rules'} read: {len(saved.added)} new, "
            f"{len(saved.changed)} changed, {len(saved.unchanged)} unchanged."
        )
