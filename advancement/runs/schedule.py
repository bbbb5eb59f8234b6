"""The daily schedule: which UTC date is due, who claims it, and what was left lying."""

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Final

from croniter import croniter
from django.conf import settings

from advancement.criteria.errors import LeaseLost
from advancement.database.clock import ClockTimestamp, database_now
from advancement.models import Run, Schedule
from advancement.models.runs import RunTrigger
from advancement.runs.lease import abandoned, put_off_if_deadly, take_lease
from advancement.runs.start import RunRequest, claim_date
from advancement.runs.work import Progress, silent, work_on

logger = logging.getLogger(__name__)

# It looks every minute; a few missed ones are no reason to worry.
LONGEST_SILENCE: Final = timedelta(minutes=5)


def latest_slot(cron: str, now: datetime) -> datetime:
    """Return the newest instant at or before `now` at which the schedule fires, in UTC."""
    slot: datetime = croniter(cron, now.astimezone(UTC) + timedelta(microseconds=1)).get_prev(datetime)
    return slot


def next_slot(now: datetime | None = None, *, using: str = "default") -> datetime | None:
    """Return the next instant at which the built-in schedule fires, in UTC; None when it is off.

    `now` saves asking for the database's clock where a second more or less tells nobody anything.
    """
    if settings.ADVANCEMENT_CRON is None:
        return None
    since = (now or database_now(using)).astimezone(UTC)
    slot: datetime = croniter(settings.ADVANCEMENT_CRON, since).get_next(datetime)
    return slot


def due_date(*, using: str = "default") -> date | None:
    """Return the UTC date whose scheduled run is due and not there yet, else None.

    Of several missed nights the newest alone is due; nothing before the schedule's first activation is,
    and the first call activates it.
    """
    if settings.ADVANCEMENT_CRON is None:
        return None
    now = database_now(using)
    schedule, _ = Schedule.objects.using(using).get_or_create(id=1, defaults={"activated_at": now})
    slot = latest_slot(settings.ADVANCEMENT_CRON, now)
    if slot < schedule.activated_at:
        return None
    runs = Run.objects.using(using).filter(trigger=RunTrigger.SCHEDULE, logical_date__gte=slot.date())
    return None if runs.exists() else slot.date()


def something_to_do(*, using: str = "default") -> bool:
    """Whether a date is due or a run was left lying; cheap enough to ask every minute."""
    return due_date(using=using) is not None or abandoned(using).exists()


def note_tick(*, using: str = "default") -> None:
    """Put on record that the clusters looked for work just now; what `/readyz` judges them by."""
    Schedule.objects.using(using).update(ticked_at=ClockTimestamp())


def scheduler_fault(*, using: str = "default") -> str | None:
    """Return a sentence when the built-in schedule is on and nobody has looked for work lately."""
    if settings.ADVANCEMENT_CRON is None:
        return None
    return fault_of(Schedule.objects.using(using).first(), database_now(using))


def fault_of(schedule: Schedule | None, now: datetime) -> str | None:
    """Say the same of a schedule that is read already, at a moment."""
    if settings.ADVANCEMENT_CRON is None:
        return None
    if schedule is None or schedule.ticked_at is None:
        return (
            "the scheduler has not looked for work yet: it does within a minute of the start of the task "
            "clusters"
        )
    silence = now - schedule.ticked_at
    if silence <= LONGEST_SILENCE:
        return None
    minutes = silence.total_seconds() / 60
    return (
        f"the scheduler last looked for work {minutes:,.0f} minutes ago: restart the task clusters, "
        "unless they started less than a minute ago"
    )


def run_scheduled(
    day: date, request: RunRequest, *, progress: Progress = silent, using: str = "default"
) -> tuple[Run, bool]:
    """Claim a UTC date and do its run; return the run and whether this call worked on it.

    A run of that date that failed, or whose worker died, is resumed; any other is left as it is.
    """
    run, mine = claim_date(day, request, using=using)
    if mine:
        return work_on(run.pk, run.lease_token, progress=progress, using=using), True
    token = take_lease(run.pk, using=using)
    if token is None:
        return run, False
    logger.info("Resuming run %s of %s", run.pk, day)
    return work_on(run.pk, token, progress=progress, using=using), True


def resume_abandoned(*, progress: Progress = silent, using: str = "default") -> list[Run]:
    """Take over and finish every run that was left lying; return those that this call worked on.

    One whose workers died time and again is put off instead.
    """
    resumed = []
    for run_id in list(abandoned(using).values_list("pk", flat=True)):
        if put_off_if_deadly(run_id, using=using):
            logger.error("Run %s is put off: its workers died time and again", run_id)
            continue
        if (token := take_lease(run_id, using=using)) is None:
            continue
        logger.info("Resuming run %s", run_id)
        try:
            resumed.append(work_on(run_id, token, progress=progress, using=using))
        except LeaseLost as error:
            logger.warning("Run %s: %s", run_id, error)
    return resumed


def work_off(*, using: str = "default") -> list[Run]:
    """Do what is due: resume what was left lying, then the date that is due, if it still is."""
    runs = resume_abandoned(using=using)
    if day := due_date(using=using):
        try:
            run, worked = run_scheduled(day, RunRequest(), using=using)
            runs += [run] if worked else []
        except LeaseLost as error:
            logger.warning("The run of %s: %s", day, error)
    return runs
