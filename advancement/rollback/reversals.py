"""What became of events since: taken back, restored, taken back again. One definition for whoever asks."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connections

from advancement.models import AdvancementEvent


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
        cursor.execute(
            f"""
            WITH RECURSIVE chain (origin, id, step) AS (
                SELECT reverses_id, id, 1 FROM advancement_events WHERE reverses_id IN ({marks})
                UNION ALL
                SELECT chain.origin, later.id, chain.step + 1
                FROM chain JOIN advancement_events AS later ON later.reverses_id = chain.id
            )
            SELECT origin, id FROM chain ORDER BY origin, step
            """,
            wanted,
        )
        rows = cursor.fetchall()
    chains: dict[int, list[int]] = {}
    for origin, event in rows:
        chains.setdefault(origin, []).append(event)
    return {origin: Fate(tuple(chain)) for origin, chain in chains.items()}


def takes_back(event: AdvancementEvent) -> bool:
    """Whether an event only takes another one back; one that restores an advancement stands for it."""
    return event.reverses_id is not None and event.rule_id is None
