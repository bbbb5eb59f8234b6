"""Take advancements back in bulk, without a browser."""

from datetime import datetime, timedelta
from typing import Any, Final

import django.db
from django.core.management.base import CommandError, CommandParser

from advancement.criteria.errors import AdvancementError
from advancement.criteria.texts import written
from advancement.database.clock import database_now
from advancement.management.base import ConsoleCommand, sentence_of, system_user, usage_error
from advancement.management.rollback_report import print_rollback
from advancement.management.values import days, instant_or_age, sprout
from advancement.models import Run
from advancement.models.runs import RunStatus, RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs.start import start_rollback
from advancement.runs.summary import nothing_rolled_back, summarise_rollback
from advancement.runs.work import work_on

_USUAL_RANGE: Final = timedelta(hours=24)
_NOT_WITH_UNDO: Final = ("rule", "run", "sprout", "since", "until", "unwind", "hold", "disable_rule")


class Command(ConsoleCommand):
    """Plan a rollback from the events, and apply it unless it is a dry run."""

    help = (
        "Move sprouts back that were advanced: by a rule, in a run, in a time range (by default the last "
        "24 hours), or one sprout. What moved on since is left alone and named. --undo takes a rollback back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--rule", default="", metavar="SLUG", help="only advancements by this rule")
        parser.add_argument("--run", type=int, metavar="ID", help="only advancements of this run")
        parser.add_argument("--sprout", type=sprout, metavar="ID", help="only advancements of this sprout")
        parser.add_argument(
            "--since",
            type=instant_or_age,
            metavar="TIME",
            help="only from then on: a time, or an age as in 24h, which is the default without --run",
        )
        parser.add_argument(
            "--until", type=instant_or_age, metavar="TIME", help="only up to then: a time or an age"
        )
        parser.add_argument(
            "--exclude", type=sprout, action="append", default=[], metavar="SPROUT",
            help="leave this sprout as it is; may be repeated",
        )  # fmt: skip
        parser.add_argument(
            "--unwind", action="store_true", help="also take back later advancements by other rules or runs"
        )
        parser.add_argument(
            "--hold", type=days, metavar="DAYS", help="keep automation off the sprouts for so many days"
        )
        parser.add_argument(
            "--disable-rule", action="store_true", help="disable the rules whose advancements are taken back"
        )
        parser.add_argument("--undo", type=int, metavar="RUN", help="take this rollback back")
        parser.add_argument("--dry-run", action="store_true", help="only plan: change no tier")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why; needed unless it is a dry run")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Plan, apply, report, and fail when the rollback did."""
        request = _request(options)
        try:
            run = start_rollback(request, trigger=RunTrigger.COMMAND)
            with self.phases() as progress:
                run = work_on(run.pk, run.lease_token, progress=progress)
            summary = summarise_rollback(run)
        except (AdvancementError, django.db.Error) as error:
            if options["json"]:
                self.print_json(nothing_rolled_back(sentence_of(error), dry_run=request.dry_run))
            raise
        try:
            if options["json"]:
                self.print_json(summary)
            else:
                print_rollback(run, summary)
        finally:  # also when the report cannot be written
            if run.status == RunStatus.FAILED:
                raise CommandError(_failure(run))


def _request(options: dict[str, Any]) -> RollbackRequest:
    if options["undo"] is not None:
        _check_undo(options)
    if not options["dry_run"] and not written(options["reason"]):
        raise usage_error("--reason is missing: say why these sprouts are to move back.")
    now = database_now()
    since, until = _time(options["since"], now), _time(options["until"], now)
    if since is None and options["run"] is None and options["undo"] is None:
        since = now - _USUAL_RANGE
        if until is not None and until < since:
            raise usage_error("--until lies before the last 24 hours, the usual range: give --since, too.")
    if since is not None and since > (until or now):
        raise usage_error("--since is later than --until or than now, so that there is nothing in between.")
    return RollbackRequest(
        reason=options["reason"],
        requested_by=system_user(),
        rule=options["rule"],
        run=options["run"],
        sprout=options["sprout"],
        since=since,
        until=until,
        undoes=options["undo"],
        excluded=tuple(options["exclude"]),
        unwind=options["unwind"],
        disable_rules=options["disable_rule"],
        hold=options["hold"] is not None,
        hold_until=now + options["hold"] if options["hold"] else None,
        dry_run=options["dry_run"],
    )


def _check_undo(options: dict[str, Any]) -> None:
    given = [f"--{name.replace('_', '-')}" for name in _NOT_WITH_UNDO if options[name]]
    if given:
        raise usage_error(f"--undo takes a whole rollback back; leave out {', '.join(given)}.")


def _time(value: datetime | timedelta | None, now: datetime) -> datetime | None:
    return now - value if isinstance(value, timedelta) else value


def _failure(run: Run) -> str:
    done = "Nothing moved"
    if run.planned_at:
        done = f"{run.moves_dealt_with():,} of {run.moves_to_make:,} moves were dealt with and stay"
    reason = run.error.rstrip(".")
    return f"Run {run.pk} failed: {reason}. {done}; when it is resumed, it goes on from there."
