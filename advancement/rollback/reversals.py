"""What became of events since: taken back, restored, taken back again. One definition for whoever asks."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from django.db import connections
from django.db.models import Max, Sum

from advancement.models import AdvancementEvent, Run
from advancement.models.runs import RunKind
from advancement.remembered import MANY, remembered_while


@dataclass(frozen=True)
class Fate:
    """The events that turned an event around, oldest first: each takes back the one before it.

    The first takes the event back, the second restores it, and so on; the last one says how it is now.
    """

    reversals: tuple[int, ...] = ()

    @property
    def taken_back(self) -> bool:
        """Whether the event is taken back now."""
        return len(self.reversals) % 2 == 1

    @property
    def restored(self) -> bool:
        """Whether it was taken back and stands again."""
        return bool(self.reversals) and not self.taken_back


NEVER_REVERSED = Fate()


def fates_of(events: Iterable[int], *, using: str = "default") -> dict[int, Fate]:
    """Return what became of those of the events, by id, that were ever taken back; in one statement.

    Each step from an event to its reversal is a look at an index, so it costs what the given events do,
    however large the trail is.
    """
    wanted = list(events)
    if not wanted:
        return {}
    marks = ", ".join(["%s"] * len(wanted))
    with connections[using].cursor() as cursor:
        cursor.execute(f"{_chain(marks)} SELECT origin, id FROM chain ORDER BY origin, step", wanted)
        rows = cursor.fetchall()
    chains: dict[int, list[int]] = {}
    for origin, event in rows:
        chains.setdefault(origin, []).append(event)
    return {origin: Fate(tuple(chain)) for origin, chain in chains.items()}


@dataclass(frozen=True)
class Turn:
    """How many moves of a run a later one turned around last, and whether they are taken back by that.

    Where they are not, they were taken back and stand again.
    """

    run_id: int
    moves: int
    taken_back: bool


def turns_of_run(run: Run, *, using: str = "default") -> tuple[Turn, ...]:
    """Return what became of the moves of a run since, most moves first.

    One statement, which is not repeated for a large run while no rollback makes moves.
    """
    look = partial(_turns_now, run.pk, using)
    if run.moves_planned < MANY:
        return look()
    newest, moved = rolled_back_so_far(using)
    return remembered_while(f"turns-{using}-{run.pk}-{run.cursor}", f"{newest}-{moved}", look)


def rolled_back_so_far(using: str = "default") -> tuple[int, int]:
    """Return what changes whenever a rollback makes moves: the newest one, and how far all have got."""
    rollbacks = Run.objects.using(using).filter(kind=RunKind.ROLLBACK, dry_run=False)
    reached = rollbacks.aggregate(newest=Max("pk"), moves=Sum("cursor"))
    return reached["newest"] or 0, reached["moves"] or 0


def _turns_now(run_id: int, using: str) -> tuple[Turn, ...]:
    chain = _chain("SELECT id FROM advancement_events WHERE run_id = %s")
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"""
            {chain} SELECT run_id, COUNT(*), step %% 2 FROM chain
            WHERE NOT EXISTS (SELECT 1 FROM advancement_events AS next WHERE next.reverses_id = chain.id)
            GROUP BY run_id, step %% 2 ORDER BY COUNT(*) DESC, run_id
            """,
            [run_id],
        )
        return tuple(Turn(by, moves, odd == 1) for by, moves, odd in cursor.fetchall())


def _chain(origins: str) -> str:
    """Return the table expression of the events that turned some around, step by step."""
    return f"""
        WITH RECURSIVE chain (origin, id, run_id, step) AS (
            SELECT reverses_id, id, run_id, 1 FROM advancement_events WHERE reverses_id IN ({origins})
            UNION ALL
            SELECT chain.origin, later.id, later.run_id, chain.step + 1
            FROM chain JOIN advancement_events AS later ON later.reverses_id = chain.id
        )
    """


def takes_back(event: AdvancementEvent) -> bool:
    """Whether an event only takes another one back; one that restores an advancement stands for it."""
    return event.reverses_id is not None and event.rule_id is None
