"""Print the rules as JSON."""

from typing import Any

from advancement.criteria.rule_json import rules_to_json
from advancement.management.base import ConsoleCommand
from advancement.rulebook.reading import current_rules


class Command(ConsoleCommand):
    """Print every rule that is not archived, as its active version says."""

    help = "Print every rule that is not archived as JSON, in the form that import_rules reads."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the list, in UTF-8 whatever the terminal is: it is a file for import_rules."""
        if reconfigure := getattr(self.stdout, "reconfigure", None):
            reconfigure(encoding="utf-8", errors="strict")
        self.stdout.write(rules_to_json(current_rules()), ending="")
