"""Stop the programs named on stdin once it ends, which it does when whoever named them dies.

    python -m grove_console.watcher GRACE

Each line is the process id of a program that leads a group of its own. The programs get SIGTERM; what
is left of their groups after GRACE seconds gets SIGKILL, since a program that is only starting may miss
a signal.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final

_POLL_SECONDS: Final = 0.1


def stop_programs(programs: Iterable[int], grace: float) -> None:
    """End the programs, and after `grace` seconds by force whatever is left of their groups."""
    left = list(programs)
    for program in left:
        _send(os.kill, program, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        left = [program for program in left if _send(os.killpg, program, 0)]
    for program in left:
        _send(os.killpg, program, signal.SIGKILL)


def _send(kill: Callable[[int, int], None], target: int, number: int) -> bool:
    """Send a signal, 0 for none; return whether there was anybody to get it."""
    with contextlib.suppress(ProcessLookupError):
        kill(target, number)
        return True
    return False


if __name__ == "__main__":
    stop_programs([int(line) for line in sys.stdin], float(sys.argv[1]))
