"""What became of a run's moves since, as the pages about it say it."""

from dataclasses import dataclass
from typing import Final

from advancement.models import Run
from advancement.models.runs import RunKind
from advancement.rollback.reversals import Turn, turns_of_run

# By kind of run: taken back, and standing again after that.
_ADVANCED: Final = ("rolled back", "rolled back and put back again")
_ROLLED_BACK: Final = ("undone", "undone and taken back again")
_UNDONE: Final = ("taken back", "taken back and put back again")


@dataclass(frozen=True)
class Line:
    """Moves that a later run turned around last, and into what, in words."""

    run: Run
    moves: int
    words: str


@dataclass(frozen=True)
class Since:
    """The moves that a run made, and what later runs did with them; `undoing` are those still at it."""

    made: int
    taken_back: int
    untouched: int
    lines: tuple[Line, ...] = ()
    undoing: tuple[Run, ...] = ()

    @property
    def standing(self) -> int:
        """How many stand, also after they were taken back and put back again."""
        return self.made - self.taken_back


def since(run: Run, made: int) -> Since:
    """Return what became since of the moves that a run made; overrides have none that are taken back."""
    later = _rollbacks_after(run) if made and run.kind != RunKind.OVERRIDE else {}
    turns = turns_of_run(run) if later else ()
    return Since(
        made,
        taken_back=sum(turn.moves for turn in turns if turn.taken_back),
        untouched=made - sum(turn.moves for turn in turns),
        lines=tuple(Line(later[turn.run_id], turn.moves, _words(run, turn)) for turn in turns),
        undoing=tuple(one for one in later.values() if one.undoes_id == run.pk and not one.finished_at),
    )


def _rollbacks_after(run: Run) -> dict[int, Run]:
    """Return what may have turned the moves of a run around, by id: people ask for these, so they are few."""
    rollbacks = Run.objects.filter(kind=RunKind.ROLLBACK, dry_run=False, pk__gt=run.pk).order_by("pk")
    shown = ("kind", "dry_run", "undoes_id", "reason", "created_at", "started_at", "finished_at")
    return {one.pk: one for one in rollbacks.only(*shown)}


def _words(run: Run, turn: Turn) -> str:
    of_kind = _ADVANCED if run.kind == RunKind.ADVANCEMENT else _UNDONE if run.undoes_id else _ROLLED_BACK
    return of_kind[0 if turn.taken_back else 1]
