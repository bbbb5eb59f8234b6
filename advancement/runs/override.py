"""A person sets a sprout's tier: a plan of one move, applied at once."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from advancement.apply import Applier
from advancement.criteria.errors import AdvancementError
from advancement.criteria.texts import written
from advancement.criteria.wording import advice, quoted
from advancement.database.clock import database_now
from advancement.evaluation.plan import publish_plan
from advancement.holds import release_holds_of_run
from advancement.models import Move, Run, Sprout
from advancement.models.runs import RunKind, RunStatus, RunTrigger
from advancement.rulebook.reading import lifecycles
from advancement.runs.sealing import seal_ended_runs
from advancement.runs.start import check_triggers, insert_leased


def override_tier(
    sprout_id: UUID,
    tier: str,
    *,
    reason: str,
    by: str,
    trigger: RunTrigger,
    hold: bool = True,
    hold_until: datetime | None = None,
    seen_in: str = "",
    undone: int | None = None,
    using: str = "default",
) -> Run:
    """Put a sprout into a tier of its lifecycle model, in one transaction; return the run that records it.

    With `hold`, automation leaves the sprout alone until `hold_until`, or until the hold is released. The
    holds that the run `undone` set on the sprout end with it. It does not wait for other runs. `seen_in` is
    the tier in which whoever decided saw it. Raise AdvancementError without a reason, for an unknown sprout
    or tier, for the tier that it is in, when it is in another one than was seen, when it changed at this very
    moment, or when the audit trail is not protected.
    """
    if not written(reason):
        raise AdvancementError("An override needs a reason; say why this sprout is to change its tier.")
    if hold and hold_until is not None and hold_until <= database_now(using):
        raise AdvancementError(f"The hold would end at {hold_until:%Y-%m-%d %H:%M} UTC, which has passed.")
    check_triggers(using)
    with transaction.atomic(using=using):
        sprout = _sprout(sprout_id, tier, using)
        if seen_in and sprout.tier != seen_in:
            raise AdvancementError(
                f"The sprout moved to the tier {quoted(sprout.tier)} meanwhile; look again, then decide."
            )
        run = insert_leased(
            Run(
                kind=RunKind.OVERRIDE,
                trigger=trigger,
                batch_size=1,
                requested_by=by,
                reason=written(reason),
                hold=hold,
                hold_until=hold_until,
            ),
            using,
        )
        _plan(run, sprout, tier, using)
        _apply(run, using)
        if undone is not None:
            release_holds_of_run(undone, sprout_id, by=by, reason=written(reason), using=using)
    seal_ended_runs(using=using)
    return run


def _sprout(sprout_id: UUID, tier: str, using: str) -> Sprout:
    sprout = Sprout.objects.using(using).filter(pk=sprout_id).first()
    if sprout is None:
        raise AdvancementError(f"There is no sprout {sprout_id}.")
    tiers = lifecycles(using).get(sprout.lifecycle_model_id, [])
    if tier not in tiers:
        model = quoted(sprout.lifecycle_model_id)
        raise AdvancementError(
            f"The lifecycle model {model} has no tier {quoted(tier)}; {advice(tier, tiers)}"
        )
    if sprout.tier == tier:
        raise AdvancementError(f"{quoted(sprout.title)} is in the tier {quoted(tier)} already.")
    return sprout


def _plan(run: Run, sprout: Sprout, tier: str, using: str) -> None:
    Move.objects.using(using).create(
        run=run,
        position=1,
        sprout=sprout,
        sprout_revision=sprout.revision,
        from_tier=sprout.tier,
        to_tier=tier,
    )
    figures = {"evaluated": 1, "moves_planned": 1}
    publish_plan(run, run.lease_token, database_now(using), figures, using)


def _apply(run: Run, using: str) -> None:
    runs = Run.objects.using(using).filter(pk=run.pk)
    runs.update(status=RunStatus.APPLYING)
    run.refresh_from_db(using=using)
    applier = Applier(run, run.lease_token, using=using, prepare=False)
    applier.apply_all()
    if run.left_out.using(using).exists():
        raise AdvancementError("The sprout changed at this very moment; look at it again, then decide.")
    runs.update(
        status=RunStatus.SUCCEEDED, advanced=1, finished_at=database_now(using), lease_expires_at=None
    )
    run.refresh_from_db(using=using)
