"""Set and release holds; each raises the sprout's revision, so that no plan made before can move it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, QuerySet

from advancement.criteria.errors import AdvancementError
from advancement.criteria.texts import written
from advancement.criteria.wording import join_words
from advancement.database.clock import database_now
from advancement.models import Hold, RuleVersion, Sprout

_NAMED = 10


def set_holds(
    sprout_ids: Sequence[UUID],
    *,
    reason: str,
    by: str,
    until: datetime | None = None,
    until_newer_than: RuleVersion | None = None,
    using: str = "default",
) -> list[Hold]:
    """Keep automation from moving sprouts: until a date, a newer version of a rule, or their release.

    All of them or none. Raise AdvancementError without a reason, for a date that has passed, or naming the
    sprouts that do not exist.
    """
    if not written(reason):
        raise AdvancementError("A hold needs a reason; say why automation may not move these sprouts.")
    now = database_now(using)
    if until is not None and until <= now:
        raise AdvancementError(f"The hold would end at {until:%Y-%m-%d %H:%M} UTC, which has passed.")
    wanted = list(dict.fromkeys(sprout_ids))
    with transaction.atomic(using=using):
        _raise_revisions(wanted, using)
        return Hold.objects.using(using).bulk_create(
            Hold(
                sprout_id=sprout_id,
                reason=written(reason),
                until=until,
                rule_id=until_newer_than.rule_id if until_newer_than else None,
                rule_version=until_newer_than.number if until_newer_than else None,
                set_at=now,
                set_by=by,
            )
            for sprout_id in wanted
        )


def set_hold(sprout_id: UUID, *, reason: str, by: str, using: str = "default", **until: Any) -> Hold:
    """Set a hold on one sprout; see `set_holds`."""
    return set_holds([sprout_id], reason=reason, by=by, using=using, **until)[0]


def release_holds(sprout_ids: Sequence[UUID], *, reason: str, by: str, using: str = "default") -> int:
    """End every hold in force on the sprouts now; return how many there were.

    Raise AdvancementError without a reason, or naming the sprouts that do not exist.
    """
    if not written(reason):
        raise AdvancementError("A release needs a reason; say why automation may move these sprouts again.")
    wanted = list(dict.fromkeys(sprout_ids))
    with transaction.atomic(using=using):
        # Their rows first, so that nobody sets or releases a hold in between.
        _lock(wanted, using)
        holds = Hold.objects.using(using).in_force(database_now(using)).filter(sprout__in=wanted)
        return _release(holds, by=by, reason=written(reason), using=using)


def release_holds_of_run(
    run_id: int, sprout_id: UUID, *, by: str, reason: str, using: str = "default"
) -> int:
    """End the holds in force that a run set on a sprout; return how many there were."""
    with transaction.atomic(using=using):
        _lock([sprout_id], using)
        holds = Hold.objects.using(using).in_force(database_now(using))
        mine = holds.filter(sprout=sprout_id, set_by_run_id=run_id)
        return _release(mine, by=by, reason=reason, using=using)


def release_hold(hold: Hold, *, by: str, reason: str = "", using: str = "default") -> None:
    """End a hold now; raise AdvancementError when it was released before, or ended by itself."""
    with transaction.atomic(using=using):
        _lock([hold.sprout_id], using)
        mine = Hold.objects.using(using).in_force(database_now(using)).filter(pk=hold.pk)
        if _release(mine, by=by, reason=reason, using=using) != 1:
            raise AdvancementError("This hold was already released, or has come to its end.")


def _release(holds: "QuerySet[Hold]", *, by: str, reason: str, using: str) -> int:
    """Release holds whose sprouts are locked; each release raises the revision by one."""
    per_sprout = dict(holds.order_by().values_list("sprout").annotate(n=Count("pk")))
    keys = list(holds.values_list("pk", flat=True))
    for number in sorted(set(per_sprout.values())):
        those = [sprout for sprout, n in per_sprout.items() if n == number]
        Sprout.objects.using(using).filter(pk__in=those).update(revision=F("revision") + number)
    return (
        Hold.objects.using(using)
        .filter(pk__in=keys)
        .update(released_at=database_now(using), released_by=by, release_reason=reason)
    )


def _lock(sprout_ids: Sequence[UUID], using: str) -> None:
    rows = Sprout.objects.using(using).filter(pk__in=sprout_ids).order_by("pk").select_for_update()
    _refuse_unknown(sprout_ids, set(rows.values_list("pk", flat=True)))


def _raise_revisions(sprout_ids: Sequence[UUID], using: str) -> None:
    _lock(sprout_ids, using)
    Sprout.objects.using(using).filter(pk__in=sprout_ids).update(revision=F("revision") + 1)


def _refuse_unknown(wanted: Sequence[UUID], known: set[UUID]) -> None:
    unknown = [str(sprout) for sprout in wanted if sprout not in known]
    if not unknown:
        return
    named = unknown[:_NAMED] + ([f"{len(unknown) - _NAMED:,} more"] if len(unknown) > _NAMED else [])
    raise AdvancementError(f"There is no sprout {join_words(named, 'or')}.")
