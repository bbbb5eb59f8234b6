"""Decide about a run that a guardrail holds."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from advancement.management.base import ConsoleCommand, system_user, usage_error
from advancement.management.report import print_run
from advancement.management.values import sprout
from advancement.models import Run
from advancement.models.runs import RunStatus
from advancement.runs.decisions import approve, discard
from advancement.runs.lease import take_lease
from advancement.runs.summary import summarise
from advancement.runs.work import work_on


class Command(ConsoleCommand):
    """Approve a held run and apply it, or discard it."""

    help = "Decide about a run that a guardrail holds: apply its plan, or drop it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("run", type=int, metavar="RUN", help="the run's number")
        decision = parser.add_mutually_exclusive_group(required=True)
        decision.add_argument("--approve", action="store_true", help="apply what still holds of its plan")
        decision.add_argument("--discard", action="store_true", help="drop its plan; nothing moves")
        for name, what in (("only", "these sprouts alone"), ("except", "all but these sprouts")):
            parser.add_argument(
                f"--{name}", type=sprout, action="append", default=[], metavar="SPROUT",
                help=f"apply the moves of {what}; may be repeated",
            )  # fmt: skip
        self.add_reason_option(parser, "the run")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Decide, apply where that was decided, and report."""
        self._decide(options)
        with self.phases() as progress:
            if options["approve"] and (token := take_lease(options["run"])) is not None:
                work_on(options["run"], token, progress=progress)
        run = Run.objects.get(pk=options["run"])
        summary = summarise(run)
        if options["json"]:
            self.print_json(summary)
        elif run.status == RunStatus.DISCARDED:
            self.stdout.write(f"Run {run.pk} is discarded; nothing moved.")
        else:
            print_run(run, summary, worked=True)
        if run.status == RunStatus.FAILED:
            raise CommandError(f"Run {run.pk} failed: {run.error}")

    def _decide(self, options: dict[str, Any]) -> None:
        run, only, excluding = options["run"], options["only"], options["except"]
        if options["approve"]:
            approve(run, by=system_user(), reason=options["reason"], only=only, excluding=excluding)
            return
        if only or excluding:
            raise usage_error("--only and --except choose what to approve; leave them out with --discard.")
        discard(run, by=system_user(), reason=options["reason"])
