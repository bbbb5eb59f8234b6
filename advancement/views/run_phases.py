"""The phases of a run, from its signals to its seal, each with how it stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from advancement.criteria.wording import age_words
from advancement.models import Run, Seal, SignalRefresh
from advancement.models.runs import RunKind, RunStatus, RunTrigger, moves_in_words
from advancement.runs.standing import Standing

DONE, NOW, STOPPED, COMES = "done", "now", "stopped", ""
_SAID: Final = {DONE: "done", NOW: "in progress", STOPPED: "stopped", COMES: "to come"}
_ICONS: Final = {DONE: "check", NOW: "runs", STOPPED: "x", COMES: "clock"}
_ENDED_EARLY: Final = (RunStatus.CANCELLED, RunStatus.DISCARDED, RunStatus.FAILED)


@dataclass(frozen=True)
class Phase:
    """One phase: its name, how it stands, and a few words about it."""

    name: str
    state: str
    note: str

    @property
    def said(self) -> str:
        """How it stands, in words."""
        return _SAID[self.state]

    @property
    def icon(self) -> str:
        """The icon beside its name."""
        return _ICONS[self.state]


def phases_of(
    run: Run, standing: Standing, refresh: SignalRefresh | None, seal: Seal | None, *, struck: int = 0
) -> list[Phase]:
    """Return the phases of an advancement run or of a rollback; an override has none.

    `struck` is how many moves are struck out of a plan that waits for a person.
    """
    if run.kind == RunKind.OVERRIDE:
        return []
    return list(_phases(run, standing, refresh, seal, struck))


def _phases(
    run: Run, standing: Standing, refresh: SignalRefresh | None, seal: Seal | None, struck: int
) -> Iterator[Phase]:
    planned = run.planned_at is not None
    if run.kind == RunKind.ADVANCEMENT:
        refreshing = run.status == RunStatus.PLANNING and run.trigger == RunTrigger.SCHEDULE
        yield Phase(
            "Signals", NOW if refreshing else DONE if planned else _unplanned(run), _signals(run, refresh)
        )
    yield Phase("Plan", DONE if planned else _unplanned(run), _plan(run, struck))
    yield _review(run, standing, struck)
    yield _apply(run, standing, struck)
    if not run.dry_run:
        ends = run.status in {RunStatus.SUCCEEDED, RunStatus.CANCELLED, RunStatus.DISCARDED}
        note = f"seal {seal.number:,} over {seal.events:,} events" if seal else "over its events"
        yield Phase("Seal", DONE if seal else NOW if ends else COMES, note)


def _unplanned(run: Run) -> str:
    if run.status in _ENDED_EARLY:
        return STOPPED
    return NOW if run.status == RunStatus.PLANNING and run.started_at else COMES


def _signals(run: Run, refresh: SignalRefresh | None) -> str:
    if refresh is None:
        return "never refreshed"
    moment = run.planned_at or run.started_at or run.created_at
    age = moment - refresh.finished_at
    return "fresh" if age.total_seconds() < 60 else f"{age_words(age)} old"


def _plan(run: Run, struck: int) -> str:
    if run.planned_at is None:
        return (
            "judges every candidate" if run.kind == RunKind.ADVANCEMENT else "looks at every event in scope"
        )
    return f"{run.evaluated:,} evaluated, {moves_in_words(run.moves_planned, struck or run.moves_struck)}"


def _review(run: Run, standing: Standing, struck: int) -> Phase:
    waits = run.status == RunStatus.HELD or (run.dry_run and run.status == RunStatus.PLANNED)
    if waits:
        so_far = f"{struck:,} left out by hand, " if struck else ""
        stands = "waits for a decision" if run.status == RunStatus.HELD else "nothing is applied"
        return Phase("Review", NOW, so_far + stands)
    if run.status == RunStatus.DISCARDED and not run.cursor:
        return Phase("Review", STOPPED, f"discarded by {run.decided_by}")
    if run.decided_at and run.status != RunStatus.CANCELLED:
        taken_out = f"{run.moves_struck:,} left out by hand, " if run.moves_struck else ""
        return Phase("Review", DONE, f"{taken_out}{standing.total:,} to apply")
    if run.planned_at is None:
        return Phase("Review", COMES, "by a person" if run.dry_run else "guardrails")
    return Phase(
        "Review", DONE, "within the guardrails" if run.kind == RunKind.ADVANCEMENT else "none asked for"
    )


def _apply(run: Run, standing: Standing, struck: int) -> Phase:
    done = f"{standing.done:,} of {standing.total:,}"
    if run.status == RunStatus.APPLYING:
        batches = f"batch {standing.batch:,} of {standing.batches:,}" if standing.left else done
        return Phase("Apply", NOW, batches)
    if run.status == RunStatus.SUCCEEDED:
        return Phase("Apply", DONE, done)
    if run.status in _ENDED_EARLY:
        return Phase(
            "Apply", STOPPED if run.planned_at else COMES, f"stopped at {done}" if run.planned_at else ""
        )
    return Phase(
        "Apply",
        COMES,
        "not asked for yet"
        if run.dry_run
        else f"{standing.total - struck:,} moves"
        if run.planned_at
        else "",
    )
