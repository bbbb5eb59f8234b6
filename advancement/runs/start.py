"""Start a run: its row is inserted with the lease taken, before any work is done."""

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db import IntegrityError, connections, transaction

from advancement.criteria.errors import AdvancementError
from advancement.criteria.wording import advice, quoted
from advancement.database.clock import ClockTimestamp, database_now
from advancement.database.triggers import missing_triggers
from advancement.models import Run
from advancement.models.runs import RunKind, RunStatus, RunTrigger
from advancement.rulebook import lifecycles
from advancement.runs.lease import lease_for, owner


@dataclass(frozen=True)
class RunRequest:
    """What somebody asks for; the defaults are those of the daily batch."""

    from_tiers: tuple[str, ...] = ()
    lifecycle_model: str = ""
    batch_size: int = 0
    dry_run: bool = False
    log_url: str = ""
    requested_by: str = ""

    @property
    def tiers(self) -> tuple[str, ...]:
        """The tiers to look at, each once."""
        return tuple(dict.fromkeys(self.from_tiers or settings.ADVANCEMENT_FROM_TIERS))


def start_run(request: RunRequest, *, trigger: RunTrigger, using: str = "default") -> Run:
    """Insert an extra run and take its lease.

    Raise AdvancementError for an unknown model or tier, or when the audit trail is not protected.
    """
    check_scope(request.tiers, request.lifecycle_model, using)
    check_triggers(using)
    return _insert(request, trigger, None, using)


def claim_date(day: date, request: RunRequest, *, using: str = "default") -> tuple[Run, bool]:
    """Return the scheduled run of a UTC date, and whether this call is the one that made it.

    However many callers race, a unique constraint lets one of them win.
    """
    existing = Run.objects.using(using).filter(trigger=RunTrigger.SCHEDULE, logical_date=day)
    if run := existing.first():
        return run, False
    try:
        with transaction.atomic(using=using):
            return _insert(request, RunTrigger.SCHEDULE, day, using), True
    except IntegrityError:
        if run := existing.first():
            return run, False
        raise


def check_scope(tiers: tuple[str, ...], lifecycle_model: str, using: str = "default") -> None:
    """Raise AdvancementError when a tier or the model does not exist."""
    ladders = lifecycles(using)
    if lifecycle_model and lifecycle_model not in ladders:
        raise AdvancementError(
            f"The lifecycle model {quoted(lifecycle_model)} is unknown; {advice(lifecycle_model, ladders)}"
        )
    in_scope = [ladders[lifecycle_model]] if lifecycle_model else list(ladders.values())
    known = list(dict.fromkeys(slug for ladder in in_scope for slug in ladder))
    for tier in tiers:
        if tier not in known:
            raise AdvancementError(f"The tier {quoted(tier)} is unknown; {advice(tier, known)}")


def check_triggers(using: str = "default") -> None:
    """Raise AdvancementError when the triggers that protect the audit trail are missing."""
    if missing := missing_triggers(connections[using]):
        raise AdvancementError(
            f"The audit trail is not protected: triggers are missing ({', '.join(missing)}). "
            "Run manage.py migrate to put them back."
        )


def _insert(request: RunRequest, trigger: RunTrigger, day: date | None, using: str) -> Run:
    now = database_now(using)
    run = Run(
        kind=RunKind.ADVANCEMENT,
        trigger=trigger,
        status=RunStatus.PLANNING,
        dry_run=request.dry_run,
        logical_date=day,
        from_tiers=list(request.tiers),
        scope_model_id=request.lifecycle_model,
        batch_size=request.batch_size or settings.ADVANCEMENT_BATCH_SIZE,
        log_url=request.log_url,
        requested_by=request.requested_by,
        created_at=now,
        started_at=now,
        attempts=1,
        lease_token=1,
        lease_owner=owner(),
        lease_expires_at=ClockTimestamp() + lease_for(RunStatus.PLANNING),
    )
    run.save(using=using)
    run.refresh_from_db(using=using)
    return run
