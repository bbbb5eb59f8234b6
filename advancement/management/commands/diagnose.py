"""Say how an installation is, for whoever is asked for help."""

from typing import Any

from django.core.management.base import CommandParser

from advancement.diagnostics.report import diagnose
from advancement.management.base import ConsoleCommand


class Command(ConsoleCommand):
    """Print versions, settings, sizes and states as plain text without a secret; reads only."""

    help = (
        "Say how this installation is: versions, settings, sizes, runs, clusters, notifications. "
        "Secrets are only said to be set or not, so that the text can be handed on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the option."""
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the report."""
        report = diagnose()
        if options["json"]:
            sections = {section.title: dict(section.facts) for section in report.sections}
            self.print_json({"made_at": report.made_at.isoformat(), "sections": sections})
        else:
            self.stdout.write(str(report))
