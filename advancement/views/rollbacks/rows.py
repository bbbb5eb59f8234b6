"""The sprouts of a rollback, a page at a time: what it does with each and what counted when it advanced."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from advancement.models import AdvancementEvent, LeftOut, Move, Run, Sprout
from advancement.rollback.changes import changed_moves
from advancement.views.paging import Page, page_of
from advancement.views.rollbacks.buckets import CHANGED, CLEAN, REVERTED


@dataclass(frozen=True)
class Row:
    """A sprout, with the tiers that it goes through and what is known of it now.

    `counted` are the advancements that are taken back, or that it is about. `since` is the newest event of
    a sprout that is not where it was then.
    """

    key: int
    sprout_id: UUID
    title: str
    exists: bool
    model: str
    tiers: Sequence[str]
    counted: Sequence[AdvancementEvent]
    tier_now: str
    struck: bool = False
    changed: bool = False
    since: AdvancementEvent | None = None
    reason: str = ""


@dataclass(frozen=True)
class Listing:
    """One page of rows, with the keys of its neighbours."""

    rows: Sequence[Row]
    before: str | None
    after: str | None


def search_term(request: HttpRequest) -> str:
    """Return what is searched for in the titles."""
    return request.GET.get("q", "").replace("\0", "").strip()


def moves_matching(run: Run, term: str) -> "QuerySet[Move]":
    """Return the first step of each sprout that a plan moves, of those whose title has the term."""
    moves = Move.objects.filter(run=run.pk, step=1)
    return moves.filter(sprout__title__icontains=term) if term else moves


def listing(run: Run, bucket: str, request: HttpRequest, *, excluded_only: bool = False) -> Listing:
    """Return the page of a bucket that the address names, of the titles that it searches for."""
    term = search_term(request)
    if bucket in {CLEAN, CHANGED}:
        moves = moves_matching(run, term)
        if bucket == CHANGED:
            moves = moves.filter(sprout__in=changed_moves(run).values("sprout"))
        return _of_moves(
            run, page_of(moves.filter(struck=True) if excluded_only else moves, request, key="position")
        )
    if bucket == REVERTED:
        events = AdvancementEvent.objects.filter(run_id=run.pk)
        return _of_events(
            page_of(events.filter(sprout_title__icontains=term) if term else events, request, key="id")
        )
    left_out = LeftOut.objects.filter(run=run.pk, bucket=bucket)
    if term:
        named = AdvancementEvent.objects.filter(pk=OuterRef("event_id"), sprout_title__icontains=term)
        left_out = left_out.filter(Exists(named))
    return _of_left_out(page_of(left_out, request, key="id"))


def _of_moves(run: Run, page: Page[Move]) -> Listing:
    keys = [move.sprout_id for move in page.rows]
    sprouts = _sprouts(keys)
    steps: dict[UUID, list[Move]] = {}
    # Their signals are wide, and nobody looks at them here.
    moves = Move.objects.filter(run=run.pk, sprout__in=keys).select_related("reverses_event__reverses")
    moves = moves.defer("reverses_event__signal_values", "reverses_event__reverses__signal_values")
    for step in moves.order_by("position"):
        steps.setdefault(step.sprout_id, []).append(step)
    changed = {key for key in keys if _changed(sprouts.get(key), steps[key][0])}
    newest = _newest(changed)
    rows = []
    for move in page.rows:
        of_sprout = steps[move.sprout_id]
        events = [step.reverses_event for step in of_sprout if step.reverses_event]
        tiers = [move.from_tier, *(step.to_tier for step in of_sprout)]
        rows.append(
            _row(
                move.position,
                events,
                tiers,
                sprouts.get(move.sprout_id),
                struck=move.struck,
                changed=move.sprout_id in changed,
                since=newest.get(move.sprout_id),
            )
        )
    return Listing(rows, page.before, page.after)


def _changed(sprout: Sprout | None, move: Move) -> bool:
    return sprout is None or (sprout.revision, sprout.tier) != (move.sprout_revision, move.from_tier)


def _of_left_out(page: Page[LeftOut]) -> Listing:
    found = AdvancementEvent.objects.defer("signal_values", "reverses__signal_values")
    events = found.select_related("reverses").in_bulk([row.event_id for row in page.rows if row.event_id])
    keys = {row.sprout_id for row in page.rows}
    sprouts, newest = _sprouts(keys), _newest(keys)
    rows = []
    for left_out in page.rows:
        event = events.get(left_out.event_id or 0)
        if event is None:  # of an event that was tampered away
            continue
        since = newest.get(left_out.sprout_id)
        rows.append(
            _row(
                left_out.pk,
                [event],
                [event.from_tier, event.to_tier],
                sprouts.get(left_out.sprout_id),
                since=since if since and since.pk != event.pk else None,
                reason=left_out.reason,
            )
        )
    return Listing(rows, page.before, page.after)


def _of_events(page: Page[AdvancementEvent]) -> Listing:
    reversed_ = [event.reverses_id for event in page.rows if event.reverses_id]
    found = AdvancementEvent.objects.defer("signal_values", "reverses__signal_values")
    events = found.select_related("reverses").in_bulk(reversed_)
    keys = {event.sprout_id for event in page.rows}
    sprouts, newest = _sprouts(keys), _newest(keys)
    rows = []
    for event in page.rows:
        taken_back = events.get(event.reverses_id or 0)
        since = newest.get(event.sprout_id)
        rows.append(
            _row(
                event.pk,
                [taken_back] if taken_back else [event],
                [event.from_tier, event.to_tier],
                sprouts.get(event.sprout_id),
                since=since if since and since.run_id != event.run_id else None,
            )
        )
    return Listing(rows, page.before, page.after)


def _row(
    key: int, events: Sequence[AdvancementEvent], tiers: Sequence[str], sprout: Sprout | None, **more: Any
) -> Row:
    """Return a row; a sprout that is gone goes by the title that it had then."""
    event = events[0]
    return Row(
        key=key,
        sprout_id=event.sprout_id,
        title=sprout.title if sprout else event.sprout_title,
        exists=sprout is not None,
        model=event.lifecycle_model_id,
        tiers=tiers,
        # What an undo takes back says nothing; what that one took back does.
        counted=[event.reverses or event for event in events],
        tier_now=sprout.tier if sprout else "",
        **more,
    )


def _sprouts(keys: Iterable[UUID]) -> dict[UUID, Sprout]:
    return Sprout.objects.in_bulk(list(keys))


def _newest(keys: Iterable[UUID]) -> dict[UUID, AdvancementEvent]:
    """Return the newest event of each of these sprouts."""
    keys = list(keys)
    if not keys:
        return {}
    later = AdvancementEvent.objects.filter(sprout_id=OuterRef("sprout_id")).order_by("-revision")
    events = AdvancementEvent.objects.filter(
        sprout_id__in=keys, revision=Subquery(later.values("revision")[:1])
    )
    return {event.sprout_id: event for event in events.defer("signal_values", "criteria_met")}
