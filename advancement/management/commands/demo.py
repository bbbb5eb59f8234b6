"""Show on the sample grove what the console does; `make demo` runs this."""

import csv
import json
from io import StringIO
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import connection
from django.db.models import Count

from advancement.criteria.rules import CriterionDefinition, Logic
from advancement.criteria.signals import Period
from advancement.criteria.wording import join_words
from advancement.evaluation.explain import explain
from advancement.management.base import ConsoleCommand
from advancement.management.explanation import criterion_line, explanation_lines
from advancement.management.report import print_run
from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    RuleVersion,
    Run,
    SignalAggregation,
    Sprout,
)
from advancement.models.events import AdvancementEventType
from advancement.rights import APPROVER, RULE_EDITOR, VIEWER
from advancement.sample import AS_OF, RULES, SPROUTS, USAGE_EVENTS

OPERATOR: Final = "operator"
# Who may do everything is the one to try things out with; the others show what each role sees.
PEOPLE: Final = {OPERATOR: "", "viewer": VIEWER, "editor": RULE_EDITOR, "approver": APPROVER}
# Known to everybody, hence only under DEBUG.
PASSWORD: Final = "grove-demo"


class Command(ConsoleCommand):
    """Load the sample grove, then plan and do a run, step by step, with the commands that anybody has."""

    help = "Load the sample grove and show a dry run and a real run. For trying out, under DEBUG."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the option."""
        parser.add_argument(
            "--use-database-url",
            action="store_true",
            help="load it into the empty database on a server that DATABASE_URL names",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the steps, each with a heading and a sentence; nothing is changed when it refuses."""
        if not settings.DEBUG:
            raise CommandError(
                "The demo makes an operator whose password everybody knows, so it needs DEBUG=1. "
                "Never load it where a real grove is."
            )
        if connection.vendor != "sqlite":
            _refuse_servers(asked_for=options["use_database_url"])
        _refuse_other_groves()
        self._prepare()
        self._load()
        self._aggregate()
        self._plan()
        self._run()
        self._explain()
        self._invite()

    def _heading(self, title: str, sentence: str) -> None:
        self.stdout.write(f"\n{self.style.MIGRATE_HEADING(title)}\n{sentence}\n")
        self.stdout.flush()

    def _prepare(self) -> None:
        self._heading("1 · Prepare", "The tables, and somebody who can sign in.")
        call_command("migrate", verbosity=0, interactive=False)
        there = set(User.objects.values_list("username", flat=True))
        added = [name for name in PEOPLE if name not in there]
        for name in added:
            _add_person(name, PEOPLE[name])
        if added:
            were = "was" if len(added) == 1 else "were"
            self.stdout.write(f"The tables are ready, and {join_words(added, 'and')} {were} added.")
        else:
            self.stdout.write(
                f"The tables are up to date, and {join_words(list(PEOPLE), 'and')} can sign in."
            )

    def _load(self) -> None:
        self._heading(
            "2 · Load the sample grove",
            "Real documents of a public repository as sprouts, what was done with them as usage events,\n"
            "and six rules. Loading them again changes nothing.",
        )
        files = (
            ("import_sprouts", SPROUTS),
            ("import_events", USAGE_EVENTS),
            ("import_rules", RULES),
        )
        for command, path in files:
            call_command(command, str(path), stdout=self.stdout, stderr=self.stderr)

    def _aggregate(self) -> None:
        self._heading(
            "3 · Aggregate the signals",
            "Usage events become the numbers that rules test, as they stood when the sample was in use.",
        )
        call_command(
            "aggregate_signals", "--as-of", AS_OF.isoformat(), stdout=self.stdout, stderr=self.stderr
        )

    def _plan(self) -> None:
        self._heading(
            "4 · Look before: a dry run",
            "Evaluates the rules and plans the moves, without making one.",
        )
        self._advance("--dry-run")

    def _run(self) -> None:
        self._heading(
            "5 · Advance: a real run",
            "Plans in the same way, then applies the plan. Every move is written down with its reason.",
        )
        summary = self._advance()
        if summary["advanced"] == 0:
            self._nothing_more()

    def _advance(self, *arguments: str) -> dict[str, Any]:
        """Run the batch, show it as the command does to anybody, and return its figures."""
        answer = StringIO()
        call_command("run_advancement", "--json", *arguments, stdout=answer, stderr=self.stderr)
        summary: dict[str, Any] = json.loads(answer.getvalue())
        print_run(Run.objects.get(pk=summary["run"]), summary, worked=True)
        return summary

    def _nothing_more(self) -> None:
        moved = AdvancementEvent.objects.filter(event_type=AdvancementEventType.AUTO_ADVANCEMENT)
        by_rule = moved.order_by("rule_id").values_list("rule_id").annotate(count=Count("id"))
        figures = ", ".join(f"{rule} {count:,}" for rule, count in by_rule.values_list("rule_id", "count"))
        self.stdout.write(
            "\nNothing more advances: what had earned it has moved already, and the signals are the same.\n"
            f"The events of the earlier moves remain, {moved.count():,} in all ({figures})."
        )

    def _explain(self) -> None:
        event = _example()
        if event is None or event.rule_version is None:
            return
        rule = RuleVersion.objects.get(rule=event.rule_id, number=event.rule_version)
        self._heading("6 · Ask why", "Each move can be explained from its event. One of them:")
        self.stdout.write(f"  {event.sprout_title}: {event.from_tier} → {event.to_tier}")
        need = "any of these suffices" if rule.logic == Logic.ANY else "all of these are needed"
        self.stdout.write(f"  by “{rule.title}” ({event.rule_id}, version {event.rule_version}); {need}:")
        for criterion in event.criteria_met:
            self.stdout.write(f"    {_criterion_line(criterion)}")
        self._explain_a_stay()

    def _explain_a_stay(self) -> None:
        sprout_id = _most_cited_that_stayed()
        if sprout_id is None:
            return
        self.stdout.write("\nAnd each stay can, from the rules of its tier:")
        for line in explanation_lines(explain(sprout_id)):
            self.stdout.write(f"  {line}")
        self.stdout.write(f"manage.py explain {sprout_id} says this again; any other id will do as well.")

    def _invite(self) -> None:
        self._heading("7 · Open the console", "make console serves it at http://127.0.0.1:8000/")
        if User.objects.get(username=OPERATOR).check_password(PASSWORD):
            self.stdout.write(f"Sign in as {OPERATOR} with the password {PASSWORD}")
        else:
            self.stdout.write(f"Sign in as {OPERATOR}; the password was changed, and the demo left it so.")
        others = join_words([name for name in PEOPLE if name != OPERATOR], "or")
        self.stdout.write(f"Sign in as {others}, with {PASSWORD} as well, to see what each role may do.")


def _add_person(name: str, role: str) -> None:
    """Add somebody who may sign in, with a role, or without one to do everything."""
    person = User.objects.create_user(name, password=PASSWORD, is_staff=True, is_superuser=not role)
    if role:
        person.groups.add(Group.objects.get(name=role))


def _refuse_servers(*, asked_for: bool) -> None:
    """Raise CommandError unless somebody asked for this server's database and nobody uses it."""
    if not asked_for:
        raise CommandError(
            "DATABASE_URL names a database on a server, and the demo adds an operator whose password "
            "everybody knows. Leave DATABASE_URL empty to use an SQLite file; for an empty database that is "
            "only for trying out, call manage.py demo --use-database-url."
        )
    if _in_use():
        raise CommandError(
            "Somebody else uses this database already, so the demo leaves it alone. "
            "Leave DATABASE_URL empty or name an empty database to try things out."
        )


def _in_use() -> bool:
    """Whether the database has tables that are not ours, or others than the demo's people can sign in."""
    there = set(connection.introspection.table_names())
    ours = {*connection.introspection.django_table_names(), "django_migrations", "cache_entries"}
    if not there <= ours:
        return True
    return User._meta.db_table in there and User.objects.exclude(username__in=PEOPLE).exists()


def _refuse_other_groves() -> None:
    """Raise CommandError when the database holds anything but the sample, before a thing is changed."""
    if Sprout._meta.db_table not in connection.introspection.table_names():
        return
    if Sprout.objects.exclude(pk__in=_sample_ids()).exists():
        raise CommandError(
            "This database holds a grove that is not the sample, and the demo does not mix them. "
            "Leave DATABASE_URL empty or name another database to try things out."
        )
    if AdvancementRule.objects.exists() and not Sprout.objects.exists():
        raise CommandError(
            "This database holds rules of a grove to come, and the demo does not mix them with the sample's. "
            "Leave DATABASE_URL empty or name another database to try things out."
        )


def _sample_ids() -> set[UUID]:
    with SPROUTS.open(encoding="utf-8", newline="") as file:
        return {UUID(row["id"]) for row in csv.DictReader(file)}


def _example() -> AdvancementEvent | None:
    """Return an automatic advancement, the same at each call as long as there are no new ones."""
    events = AdvancementEvent.objects.filter(event_type=AdvancementEventType.AUTO_ADVANCEMENT)
    events = events.exclude(sprout_title__startswith=".")  # settings of tools, not documents to read
    by_rule = events.order_by().values_list("rule_id").annotate(count=Count("id"))
    busiest = by_rule.order_by("-count", "rule_id").values_list("rule_id", flat=True).first()
    return events.filter(rule_id=busiest).order_by("sprout_title", "id").first()


def _criterion_line(criterion: dict[str, Any]) -> str:
    """Say a criterion of an event with its actual value, as in `✓ citations ≥ 3: 7`."""
    definition = CriterionDefinition(
        criterion["signal"], criterion["operator"], criterion["threshold"], criterion["period"]
    )
    return criterion_line(definition, criterion["actual"], criterion["met"])


def _most_cited_that_stayed() -> UUID | None:
    rows = SignalAggregation.objects.filter(period=Period.ALL_TIME, sprout__tier="sprout")
    rows = rows.exclude(sprout__title__startswith=".")
    return rows.order_by("-reference_count", "sprout__title").values_list("sprout", flat=True).first()
