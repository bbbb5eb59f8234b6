"""Start a run: its row is inserted before any work is done, with the lease taken or for a worker to take."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.conf import settings
from django.db import IntegrityError, connections, transaction

from advancement.criteria.errors import AdvancementError
from advancement.criteria.texts import written
from advancement.criteria.wording import advice, quoted
from advancement.database.clock import database_now
from advancement.database.limits import limit_idling
from advancement.database.triggers import missing_triggers
from advancement.leases import owner
from advancement.models import AdvancementRule, Run, Sprout
from advancement.models.runs import RunKind, RunStatus, RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.rulebook.reading import lifecycles
from advancement.runs.lease import lease_for
from advancement.runs.log import note
from advancement.runs.waking import RUNS_CLUSTER, wake_up

# Somebody waits for it, and a thousand moves take a tenth of a second.
_LEAST_ROLLBACK_BATCH: Final = 1_000
_A_KIND: Final = {
    RunKind.ADVANCEMENT: "an advancement run",
    RunKind.ROLLBACK: "a rollback",
    RunKind.OVERRIDE: "an override",
}


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


def start_run(
    request: RunRequest, *, trigger: RunTrigger, leased: bool = True, using: str = "default"
) -> Run:
    """Insert an extra run and take its lease; not `leased`, it waits for the cluster that does the runs.

    Raise AdvancementError for an unknown model or tier, or when the audit trail is not protected.
    """
    check_scope(request.tiers, request.lifecycle_model, using)
    check_triggers(using)
    return _insert(request, trigger, None, using, leased=leased)


def claim_date(day: date, request: RunRequest, *, using: str = "default") -> tuple[Run, bool]:
    """Return the scheduled run of a UTC date, and whether this call is the one that made it.

    However many callers race, a unique constraint lets one of them win.
    """
    existing = Run.objects.using(using).filter(trigger=RunTrigger.SCHEDULE, logical_date=day)
    if run := existing.first():
        return run, False
    try:
        with transaction.atomic(using=using):
            limit_idling(using)
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
    # Nobody who leaves the tiers to the setting would look for the mistake there.
    source = " of ADVANCEMENT_FROM_TIERS" if tiers == RunRequest().tiers else ""
    for tier in tiers:
        if tier not in known:
            raise AdvancementError(f"The tier {quoted(tier)}{source} is unknown; {advice(tier, known)}")


def check_triggers(using: str = "default") -> None:
    """Raise AdvancementError when the triggers that protect the audit trail are missing."""
    if missing := missing_triggers(connections[using]):
        raise AdvancementError(
            f"The audit trail is not protected: triggers are missing ({', '.join(missing)}). "
            "Run manage.py migrate to put them back."
        )


def start_rollback(
    request: RollbackRequest, *, trigger: RunTrigger, leased: bool = True, using: str = "default"
) -> Run:
    """Insert a rollback and take its lease; not `leased`, it waits for the cluster that does the runs.

    Raise AdvancementError for an unknown rule or run, for a run that there is nothing to take back of in
    this way, without a reason unless it is a dry run, or when the audit trail is not protected.
    """
    _check_rollback(request, using)
    check_triggers(using)
    run = Run(
        kind=RunKind.ROLLBACK,
        trigger=trigger,
        dry_run=request.dry_run,
        batch_size=max(settings.ADVANCEMENT_BATCH_SIZE, _LEAST_ROLLBACK_BATCH),
        requested_by=request.requested_by,
        reason=written(request.reason),
        scope_rule_id=request.rule,
        scope_run_id=request.run,
        scope_sprout_id=request.sprout,
        scope_since=request.since,
        scope_until=request.until,
        undoes_id=request.undoes,
        excluded=[str(sprout) for sprout in request.excluded],
        unwind=request.unwind,
        disable_rules=request.disable_rules,
        hold=request.hold,
        hold_until=request.hold_until,
    )
    return insert_leased(run, using) if leased else _insert_waiting(run, using)


def _check_rollback(request: RollbackRequest, using: str) -> None:
    if not request.dry_run and not written(request.reason):
        raise AdvancementError("A rollback needs a reason; say why these sprouts are to move back.")
    rules = AdvancementRule.objects.using(using)
    if request.rule and not rules.filter(pk=request.rule).exists():
        known = rules.values_list("pk", flat=True)
        raise AdvancementError(f"The rule {quoted(request.rule)} is unknown; {advice(request.rule, known)}")
    sprouts = Sprout.objects.using(using)
    if request.sprout and not sprouts.filter(pk=request.sprout).exists():
        raise AdvancementError(f"There is no sprout {request.sprout}; it may have been deleted.")
    known_sprouts = set(sprouts.filter(pk__in=request.excluded).values_list("pk", flat=True))
    for sprout in request.excluded:
        if sprout not in known_sprouts:
            raise AdvancementError(f"There is no sprout {sprout} to exclude.")
    for number, wanted in ((request.run, RunKind.ADVANCEMENT), (request.undoes, RunKind.ROLLBACK)):
        if number is not None:
            _check_kind(number, wanted, using)
    if request.undoes is not None:
        _check_undoable(request.undoes, using)


def _check_undoable(number: int, using: str) -> None:
    run = Run.objects.using(using).get(pk=number)
    if run.dry_run:
        raise AdvancementError(f"Run {number} was a dry run; it changed nothing.")
    if run.status not in {RunStatus.SUCCEEDED, RunStatus.CANCELLED, RunStatus.DISCARDED}:
        raise AdvancementError(
            f"Rollback {number} is {run.status} and may go on: let it finish, or discard it once it has "
            "failed, then undo it."
        )


def _check_kind(number: int, wanted: RunKind, using: str) -> None:
    kind = Run.objects.using(using).filter(pk=number).values_list("kind", flat=True).first()
    if kind is None:
        raise AdvancementError(f"There is no run {number}.")
    if kind == wanted:
        return
    remedy = {
        RunKind.ADVANCEMENT: f"roll it back with --run {number}.",
        RunKind.ROLLBACK: f"take it back with --undo {number}.",
        RunKind.OVERRIDE: "set the sprout's tier with override_tier.",
    }[RunKind(kind)]
    raise AdvancementError(f"Run {number} is {_A_KIND[RunKind(kind)]}; {remedy}")


def _insert(
    request: RunRequest, trigger: RunTrigger, day: date | None, using: str, *, leased: bool = True
) -> Run:
    run = Run(
        kind=RunKind.ADVANCEMENT,
        trigger=trigger,
        dry_run=request.dry_run,
        logical_date=day,
        from_tiers=list(request.tiers),
        scope_model_id=request.lifecycle_model,
        batch_size=request.batch_size or settings.ADVANCEMENT_BATCH_SIZE,
        log_url=request.log_url,
        requested_by=request.requested_by,
    )
    return insert_leased(run, using) if leased else _insert_waiting(run, using)


def _insert_waiting(run: Run, using: str) -> Run:
    """Save a new run as `planning` for whoever takes up what was left lying, and wake that one up."""
    run.status = RunStatus.PLANNING
    run.created_at = database_now(using)
    run.save(using=using, force_insert=True)
    note(run.pk, f"{_started(run)}; it waits for the cluster {RUNS_CLUSTER}.", using=using)
    wake_up(RUNS_CLUSTER)
    run.refresh_from_db(using=using)
    return run


def insert_leased(run: Run, using: str) -> Run:
    """Save a new run as `planning`, its lease taken by this worker, and return it as it then stands."""
    now = database_now(using)
    run.status = RunStatus.PLANNING
    run.created_at = run.started_at = now
    run.attempts = run.lease_token = 1
    run.lease_owner = owner()
    run.lease_expires_at = now + lease_for(RunStatus.PLANNING)
    run.save(using=using, force_insert=True)
    note(run.pk, f"{_started(run)}; {run.lease_owner} works on it, under token 1.", using=using)
    run.refresh_from_db(using=using)
    return run


def _started(run: Run) -> str:
    name = {
        RunKind.ADVANCEMENT: "Run",
        RunKind.ROLLBACK: "Undoing of a rollback" if run.undoes_id else "Rollback",
        RunKind.OVERRIDE: "Override",
    }[RunKind(run.kind)]
    dry = " (a dry run)" if run.dry_run else ""
    who = f" by {run.requested_by}" if run.requested_by else ""
    where = {
        RunTrigger.SCHEDULE: f", for {run.logical_date}",
        RunTrigger.CONSOLE: ", in the console",
        RunTrigger.COMMAND: ", by a command",
    }[RunTrigger(run.trigger)]
    return f"{name}{dry} started{who}{where}"
