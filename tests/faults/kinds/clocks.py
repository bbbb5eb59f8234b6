"""The worker's clock is a day off, fast or slow; what counts is the database's."""

import datetime as times
import sys
import time
from typing import Any, Final

from tests.faults.children import in_child
from tests.faults.verdict import Fault, Stage
from tests.faults.works import WORKS, Work

KIND: Final = "worker's clock a day off"
_WORKS: Final = (
    "advance",
    "schedule",
    "approve",
    "rollback",
    "undo",
    "override",
    "holds",
    "refresh",
    "rules",
    "upload",
    "wish",
)


def faults() -> list[Fault]:
    """Return each work with a clock that is fast, and with one that is slow."""
    return [_fault(WORKS[name], days) for name in _WORKS for days in (1, -1)]


def _fault(work: Work, days: int) -> Fault:
    def inject(stage: Stage) -> None:
        def with_wrong_clock() -> None:
            shift_clock(days)
            work.do()

        in_child(stage.in_child(work, with_wrong_clock))

    return Fault(KIND, f"by {days:+d}", work, inject)


def shift_clock(days: int) -> None:
    """Let this process's Python believe that it is another day."""
    shift, now = times.timedelta(days=days), time.time
    time.time = lambda: now() + shift.total_seconds()

    class Shifted(times.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return times.datetime.now(tz) + shift

    for name, module in list(sys.modules.items()):
        ours = name.startswith(("advancement.", "django.utils.timezone"))
        if ours and getattr(module, "datetime", None) is times.datetime:
            module.datetime = Shifted  # type: ignore[attr-defined]
