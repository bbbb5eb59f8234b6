"""Keep automation from moving sprouts."""

from typing import Any

from django.core.management.base import CommandParser

from advancement.criteria.wording import advice, quoted
from advancement.database.clock import database_now
from advancement.holds import set_holds
from advancement.management.base import ConsoleCommand, system_user, usage_error
from advancement.management.sprouts import add_sprouts, sprouts_given
from advancement.management.values import days, instant
from advancement.models import AdvancementRule, RuleVersion


class Command(ConsoleCommand):
    """Set a hold on sprouts, all of them or none."""

    help = (
        "Keep automation from moving sprouts: until a date, until a rule has a newer version, or until "
        "release_holds. Rollbacks and overrides by people ignore holds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        add_sprouts(parser)
        until = parser.add_mutually_exclusive_group()
        until.add_argument("--days", type=days, metavar="DAYS", help="for so many days")
        until.add_argument("--until", type=instant, metavar="TIME", help="until then, in UTC")
        until.add_argument(
            "--until-newer-version-of", default="", metavar="RULE", help="until this rule has a newer version"
        )
        self.add_reason_option(parser, "the hold")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Hold them and say so."""
        until = database_now() + options["days"] if options["days"] else options["until"]
        version = _version(options["until_newer_version_of"])
        holds = set_holds(
            sprouts_given(options["sprouts"]),
            reason=options["reason"],
            by=system_user(),
            until=until,
            until_newer_than=version,
        )
        if options["json"]:
            newer = {"rule": version.rule_id, "version": version.number} if version else None
            end_of_hold = until.isoformat() if until else None
            self.print_json({"held": len(holds), "until": end_of_hold, "until_newer_than": newer})
            return
        end = f"{until:%Y-%m-%d %H:%M} UTC" if until else "their release"
        if version:
            end = f"rule {version.rule_id} has a newer version than {version.number}"
        self.stdout.write(f"Holds set: {len(holds):,}. Automation does not move these sprouts until {end}.")


def _version(slug: str) -> RuleVersion | None:
    if not slug:
        return None
    active = AdvancementRule.objects.filter(active_version__isnull=False, archived_at__isnull=True)
    rule = active.select_related("active_version").filter(pk=slug).first()
    if rule is None or rule.active_version is None:
        known = active.values_list("pk", flat=True)
        raise usage_error(f"There is no active rule {quoted(slug)}; {advice(slug, known)}")
    return rule.active_version
