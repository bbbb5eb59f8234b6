"""Decide about a run that a guardrail holds, or that failed."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from advancement.apply.skipped import changed_since_planned
from advancement.management.base import ConsoleCommand, system_user, usage_error
from advancement.management.report import print_run
from advancement.management.values import sprout
from advancement.models import Run
from advancement.models.runs import RunStatus
from advancement.runs.decisions import approve, discard
from advancement.runs.lease import take_lease
from advancement.runs.summary import summary_of
from advancement.runs.work import work_on


class Command(ConsoleCommand):
    """Approve a held run and apply it, or discard it; a failed one can be discarded."""

    help = "Decide about a run: apply the plan that a guardrail holds, or drop what is left of a plan."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("run", type=int, metavar="RUN", help="the run's number")
        decision = parser.add_mutually_exclusive_group(required=True)
        decision.add_argument("--approve", action="store_true", help="apply what still holds of its plan")
        decision.add_argument("--discard", action="store_true", help="drop what is left of its plan")
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
        changed = _changed(options["run"]) if options["approve"] else {}
        with self.phases() as progress:
            if options["approve"] and (token := take_lease(options["run"])) is not None:
                work_on(options["run"], token, progress=progress)
        run = Run.objects.get(pk=options["run"])
        try:
            self._report(run, changed, as_json=options["json"])
        finally:  # also when the report cannot be written
            if run.status == RunStatus.FAILED:
                raise CommandError(f"Run {run.pk} failed: {run.error}")

    def _report(self, run: Run, changed: dict[str, int], *, as_json: bool) -> None:
        summary = summary_of(run)
        if as_json:
            lines = [{"reason": reason, "moves": moves} for reason, moves in changed.items()]
            self.print_json({**summary, **({"changed": lines} if lines else {})})
        elif run.status == RunStatus.DISCARDED:
            self.stdout.write(_discarded(run))
        else:
            for reason, moves in changed.items():
                self.stdout.write(f"{moves:,} of its moves could not be made any more: {reason}")
            print_run(run, summary, worked=True)

    def _decide(self, options: dict[str, Any]) -> None:
        run, only, excluding = options["run"], options["only"], options["except"]
        if only and excluding:
            raise usage_error("--only and --except exclude each other: name what to apply, or what not to.")
        if options["approve"]:
            approve(run, by=system_user(), reason=options["reason"], only=only, excluding=excluding)
            return
        if only or excluding:
            raise usage_error("--only and --except choose what to approve; leave them out with --discard.")
        discard(run, by=system_user(), reason=options["reason"])


def _changed(run_id: int) -> dict[str, int]:
    """Return what cannot be done any more of what was approved, by reason."""
    run = Run.objects.filter(pk=run_id, status=RunStatus.APPROVED).first()
    return changed_since_planned(run) if run else {}


def _discarded(run: Run) -> str:
    said = f"Run {run.pk} is discarded; nothing moved."
    if run.cursor:
        done = f"{run.moves_dealt_with():,} of {run.moves_to_make:,} moves"
        said = f"Run {run.pk} is discarded; {done} had been dealt with and stay."
    if run.logical_date:
        said += f" It keeps its date, {run.logical_date}; run_advancement does an extra run."
    return said
