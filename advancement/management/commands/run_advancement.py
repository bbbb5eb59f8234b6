"""Run the daily batch by hand, or as the scheduler does."""

from typing import Any

import django.db
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.core.validators import MaxLengthValidator, URLValidator

from advancement.criteria.errors import AdvancementError
from advancement.criteria.wording import quoted
from advancement.database.clock import database_now
from advancement.management.base import ConsoleCommand, sentence_of, system_user, usage_error
from advancement.management.report import print_run
from advancement.models import Run
from advancement.models.runs import RunStatus, RunTrigger
from advancement.rulebook.reading import active_versions
from advancement.runs.schedule import resume_abandoned, run_scheduled
from advancement.runs.start import RunRequest, check_scope, start_run
from advancement.runs.summary import nothing_done, summarise
from advancement.runs.work import work_on

_MAX_BATCH_SIZE = 100_000
_LONGEST_LOG_URL = 2_000


class Command(ConsoleCommand):
    """Evaluate the rules and advance the sprouts that have earned it."""

    help = (
        "Evaluate the active rules and advance the sprouts that have earned it. An extra run, on the "
        "signals as they are; with --scheduled, today's nightly run, which refreshes the signals first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--dry-run", action="store_true", help="only plan: change no tier, write no event"
        )
        parser.add_argument("--scheduled", action="store_true", help="claim today's UTC date and do its run")
        parser.add_argument(
            "--from-tier",
            action="append",
            default=[],
            metavar="TIER",
            help="a tier to look at; may be repeated",
        )
        parser.add_argument(
            "--lifecycle-model", default="", metavar="MODEL", help="only sprouts of this model"
        )
        parser.add_argument("--batch-size", type=int, metavar="N", help="moves applied in one transaction")
        parser.add_argument("--log-url", default="", metavar="URL", help="where this run's log can be read")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, report, and fail when the run did."""
        request = self._request(options)
        try:
            self._check_scope(request)
            run, worked = self._run(request, scheduled=options["scheduled"])
            summary = summarise(run)
        except (AdvancementError, django.db.Error) as error:
            if options["json"]:
                self.print_json(nothing_done(sentence_of(error), dry_run=request.dry_run))
            raise
        if not worked:
            summary |= {"status": "already_claimed", "run_status": run.status}
        try:
            self._report(run, summary, worked=worked, as_json=options["json"])
        finally:  # also when the report cannot be written
            if worked and run.status in {RunStatus.FAILED, RunStatus.HELD}:
                raise CommandError(_failure(run))

    def _report(self, run: Run, summary: dict[str, Any], *, worked: bool, as_json: bool) -> None:
        if as_json:
            self.print_json(summary)
            return
        print_run(run, summary, worked=worked)
        if not active_versions():
            self.stdout.write("There are no enabled rules yet; import_rules adds some.")

    def _request(self, options: dict[str, Any]) -> RunRequest:
        if options["scheduled"] and options["dry_run"]:
            raise usage_error("--scheduled and --dry-run exclude each other: a dry run claims no date.")
        size = options["batch_size"]
        if size is not None and not 1 <= size <= _MAX_BATCH_SIZE:
            raise usage_error(f"--batch-size must be a whole number from 1 to {_MAX_BATCH_SIZE:,}.")
        if options["log_url"]:
            try:
                URLValidator(schemes=["http", "https"])(options["log_url"])
                MaxLengthValidator(_LONGEST_LOG_URL)(options["log_url"])
            except ValidationError:
                raise usage_error(
                    f"--log-url {quoted(options['log_url'])} is not an http(s) address"
                    f" of at most {_LONGEST_LOG_URL:,} characters."
                ) from None
        return RunRequest(
            from_tiers=tuple(options["from_tier"]),
            lifecycle_model=options["lifecycle_model"],
            batch_size=size or 0,
            dry_run=options["dry_run"],
            log_url=options["log_url"],
            requested_by=system_user(),
        )

    def _check_scope(self, request: RunRequest) -> None:
        if request.from_tiers or request.lifecycle_model:
            try:
                check_scope(request.tiers, request.lifecycle_model)
            except AdvancementError as error:
                raise usage_error(str(error)) from error

    def _run(self, request: RunRequest, *, scheduled: bool) -> tuple[Run, bool]:
        with self.phases() as progress:
            resumed = [] if request.dry_run else resume_abandoned(progress=progress)
            if scheduled:
                today = database_now().date()
                if of_today := [run for run in resumed if run.logical_date == today]:
                    return of_today[0], True
                return run_scheduled(today, request, progress=progress)
            run = start_run(request, trigger=RunTrigger.COMMAND)
            return work_on(run.pk, run.lease_token, progress=progress), True


def _failure(run: Run) -> str:
    if run.status == RunStatus.HELD:
        return (
            f"Run {run.pk} is held by a guardrail; nothing was applied. {' '.join(run.held_because)} "
            f"Look at it with show_plan {run.pk}, then decide with "
            f"decide_run {run.pk} --approve or --discard, and --reason."
        )
    done = (
        f"{run.cursor:,} of {run.moves_planned:,} moves were dealt with and stay"
        if run.planned_at
        else "nothing moved"
    )
    reason = run.error.rstrip(".")
    return f"Run {run.pk} failed: {reason}. {done.capitalize()}; when it is resumed, it goes on from there."
