"""Take a rule out of use for good."""

from typing import Any

from django.core.management.base import CommandParser

from advancement.criteria.errors import AdvancementError
from advancement.criteria.wording import advice, quoted
from advancement.management.base import ConsoleCommand, system_user
from advancement.models import AdvancementRule
from advancement.rulebook.switching import archive_rule


class Command(ConsoleCommand):
    """Archive a rule: runs and exports pass it over from then on."""

    help = "Archive a rule: runs do not use it any more. Its versions and the events of its moves stay."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("rule", metavar="RULE", help="the rule's id")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Archive it and say what stays."""
        slug = options["rule"]
        rule = AdvancementRule.objects.filter(pk=slug).first()
        if rule is None:
            known = AdvancementRule.objects.filter(archived_at__isnull=True).values_list("pk", flat=True)
            raise AdvancementError(f"There is no rule {quoted(slug)}; {advice(slug, known)}")
        archive_rule(slug, by=system_user())
        if options["json"]:
            self.print_json({"rule": slug, "archived": rule.archived_at is None})
        elif rule.archived_at:
            self.stdout.write(f"The rule {quoted(slug)} was archived before; nothing changed.")
        else:
            self.stdout.write(
                f"The rule {quoted(slug)} is archived: no run uses it any more. Its history stays, "
                "every version and every event. Importing it again brings it back."
            )
