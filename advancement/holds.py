"""Set and release holds; each raises the sprout's revision, so that no plan made before can move it."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from advancement.criteria.errors import AdvancementError
from advancement.database.clock import database_now
from advancement.models import Hold, RuleVersion, Sprout


def set_hold(
    sprout_id: UUID,
    *,
    reason: str,
    by: str,
    until: datetime | None = None,
    until_newer_than: RuleVersion | None = None,
    run_id: int | None = None,
    using: str = "default",
) -> Hold:
    """Keep automation from moving a sprout: until a date, a newer version of a rule, or its release.

    Raise AdvancementError without a reason, for a date that has passed, or when there is no such sprout.
    """
    if not reason.strip():
        raise AdvancementError("A hold needs a reason; say why automation may not move this sprout.")
    now = database_now(using)
    if until is not None and until <= now:
        raise AdvancementError(f"The hold would end at {until:%Y-%m-%d %H:%M} UTC, which has passed.")
    with transaction.atomic(using=using):
        _raise_revision(sprout_id, using)
        return Hold.objects.using(using).create(
            sprout_id=sprout_id,
            reason=reason.strip(),
            until=until,
            rule_id=until_newer_than.rule_id if until_newer_than else None,
            rule_version=until_newer_than.number if until_newer_than else None,
            set_at=now,
            set_by=by,
            set_by_run_id=run_id,
        )


def release_hold(hold: Hold, *, by: str, reason: str = "", using: str = "default") -> None:
    """End a hold now; raise AdvancementError when it was released before."""
    with transaction.atomic(using=using):
        _raise_revision(hold.sprout_id, using)
        open_holds = Hold.objects.using(using).filter(pk=hold.pk, released_at__isnull=True)
        if open_holds.update(released_at=database_now(using), released_by=by, release_reason=reason) != 1:
            raise AdvancementError("This hold was already released.")


def _raise_revision(sprout_id: UUID, using: str) -> None:
    raised = Sprout.objects.using(using).filter(pk=sprout_id).update(revision=F("revision") + 1)
    if raised != 1:
        raise AdvancementError(f"There is no sprout {sprout_id}.")
