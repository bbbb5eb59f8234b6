"""The sprouts of a rollback, a page at a time: what it does with each and what counted when it advanced."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from advancement.models import AdvancementEvent, LeftOut, Move, Run, Sprout
from advancement.models.sprouts import titled
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
    return moves.filter(titled(term, "sprout__title")) if term else moves


def listing(
    run: Run, bucket: str, request: HttpRequest, *, excluded_only: bool = False, several_steps: bool = False
) -> Listing:
    """Return the page of a bucket that the address names, of the titles that it searches for.

    `several_steps` says that the plan takes some sprouts back by more than one step.
    """
    term = search_term(request)
    if bucket in {CLEAN, CHANGED}:
        moves = moves_matching(run, term)
        if bucket == CHANGED:
            moves = moves.filter(sprout__in=changed_moves(run).values("sprout"))
        page = page_of(
            _with_events(moves.filter(struck=True) if excluded_only else moves), request, key="position"
        )
        return _of_moves(page, _later_steps(run, page) if several_steps else {}, told=bucket == CHANGED)
    if bucket == REVERTED:
        events = AdvancementEvent.objects.filter(run_id=run.pk)
        found = events.filter(titled(term, "sprout_title")) if term else events
        return _of_events(page_of(found, request, key="id"))
    left_out = LeftOut.objects.filter(run=run.pk, bucket=bucket)
    if term:
        named = AdvancementEvent.objects.filter(titled(term, "sprout_title"), pk=OuterRef("event_id"))
        left_out = left_out.filter(Exists(named))
    return _of_left_out(page_of(left_out, request, key="id"))


def _with_events(moves: "QuerySet[Move]") -> "QuerySet[Move]":
    # Their signals are wide, and nobody looks at them here.
    wide = ("reverses_event__signal_values", "reverses_event__reverses__signal_values")
    return moves.select_related("reverses_event__reverses").defer(*wide)


def _later_steps(run: Run, page: Page[Move]) -> dict[UUID, list[Move]]:
    """Return the steps after the first of the page's sprouts, in order."""
    keys = [move.sprout_id for move in page.rows]
    found: dict[UUID, list[Move]] = {}
    for step in _with_events(Move.objects.filter(run=run.pk, sprout__in=keys, step__gt=1)).order_by("step"):
        found.setdefault(step.sprout_id, []).append(step)
    return found


def _of_moves(page: Page[Move], later: dict[UUID, list[Move]], *, told: bool) -> Listing:
    """Return the rows of moves; where it is `told` what became of their sprouts since, with that."""
    sprouts = _sprouts(move.sprout_id for move in page.rows)
    changed = {move.sprout_id for move in page.rows if _changed(sprouts.get(move.sprout_id), move)}
    events = [move.reverses_event for move in page.rows if move.reverses_event]
    silent = {event.sprout_id for event in events if not (event.reverses or event).criteria_met}
    histories = _histories(silent | changed if told else silent)
    rows = []
    for move in page.rows:
        steps = [move, *later.get(move.sprout_id, [])]
        rows.append(
            _row(
                move.position,
                [step.reverses_event for step in steps if step.reverses_event],
                [move.from_tier, *(step.to_tier for step in steps)],
                sprouts.get(move.sprout_id),
                struck=move.struck,
                changed=move.sprout_id in changed,
                history=histories.get(move.sprout_id, []),
                since=_newest(histories.get(move.sprout_id, []), after=move.sprout_revision)
                if told
                else None,
            )
        )
    return Listing(rows, page.before, page.after)


def _newest(history: Sequence[AdvancementEvent], *, after: int) -> AdvancementEvent | None:
    """Return the newest event of a sprout, unless there is none after a revision of it."""
    return history[-1] if history and history[-1].revision > after else None


def _changed(sprout: Sprout | None, move: Move) -> bool:
    return sprout is None or (sprout.revision, sprout.tier) != (move.sprout_revision, move.from_tier)


def _of_left_out(page: Page[LeftOut]) -> Listing:
    keys = {row.sprout_id for row in page.rows}
    sprouts, histories = _sprouts(keys), _histories(keys)
    rows = []
    for left_out in page.rows:
        history = histories.get(left_out.sprout_id, [])
        event = next((event for event in history if event.pk == left_out.event_id), None)
        if event is None:  # it was tampered away
            continue
        rows.append(
            _row(
                left_out.pk,
                [event],
                [event.from_tier, event.to_tier],
                sprouts.get(left_out.sprout_id),
                history=history,
                since=history[-1] if history[-1].pk != event.pk else None,
                reason=left_out.reason,
            )
        )
    return Listing(rows, page.before, page.after)


def _of_events(page: Page[AdvancementEvent]) -> Listing:
    keys = {event.sprout_id for event in page.rows}
    sprouts, histories = _sprouts(keys), _histories(keys)
    rows = []
    for event in page.rows:
        history = histories[event.sprout_id]
        taken_back = [former for former in history if former.pk == event.reverses_id]
        rows.append(
            _row(
                event.pk,
                taken_back or [event],
                [event.from_tier, event.to_tier],
                sprouts.get(event.sprout_id),
                history=history,
                since=history[-1] if history[-1].run_id != event.run_id else None,
            )
        )
    return Listing(rows, page.before, page.after)


def _row(
    key: int,
    events: Sequence[AdvancementEvent],
    tiers: Sequence[str],
    sprout: Sprout | None,
    *,
    history: Sequence[AdvancementEvent],
    **more: Any,
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
        counted=[_origin(event, history) for event in events],
        tier_now=sprout.tier if sprout else "",
        **more,
    )


def _origin(event: AdvancementEvent, history: Sequence[AdvancementEvent]) -> AdvancementEvent:
    """Return the advancement by a rule that an event is about.

    A rollback says nothing of what counted, nor does its undo, which stands for the advancement again.
    """
    by_key = {former.pk: former for former in history}
    while not event.criteria_met and event.reverses_id is not None:
        former = by_key.get(event.reverses_id) or event.reverses
        if former is None:
            break
        event = former
    return event


def _sprouts(keys: Iterable[UUID]) -> dict[UUID, Sprout]:
    return Sprout.objects.in_bulk(list(keys))


def _histories(keys: Iterable[UUID]) -> dict[UUID, list[AdvancementEvent]]:
    """Return all events of these sprouts, oldest first."""
    found: dict[UUID, list[AdvancementEvent]] = {}
    events = AdvancementEvent.objects.filter(sprout_id__in=list(keys)).select_related("reverses")
    for event in events.defer("signal_values", "reverses__signal_values").order_by("revision"):
        found.setdefault(event.sprout_id, []).append(event)
    return found
