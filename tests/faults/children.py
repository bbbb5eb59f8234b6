"""Forked children: processes with Django loaded that can be killed at any point."""

import contextlib
import logging
import os
import pickle
import select
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.postgres import end_with_parent

PATIENCE = 90.0


class Hung(Exception):
    """A child did not end in time; it was killed."""


@dataclass(frozen=True)
class Ended:
    """How a child ended: what it returned, the signal that killed it, or what it raised."""

    value: Any = None
    signal: int = 0
    error: str = ""


class Child:
    """A process that calls a function and hands back what it returns."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._read, write = os.pipe()
        end_with_us = end_with_parent(signal.SIGKILL)
        self.pid = os.fork()
        if self.pid == 0:
            end_with_us()
            os.close(self._read)
            _call(function, write)
        os.close(write)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; nothing happens to a child that ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def has_ended(self) -> bool:
        """Whether it has ended or is about to."""
        return bool(select.select([self._read], [], [], 0)[0])

    def wait(self, seconds: float = PATIENCE) -> Ended:
        """Wait for the end; raise Hung when it does not come."""
        received = bytearray()
        deadline = time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                self.kill()
                os.waitpid(self.pid, 0)
                raise Hung(f"process {self.pid} did not end in {seconds:.0f} s")
            if not (part := os.read(self._read, 65536)):
                break
            received += part
        os.close(self._read)
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            return Ended(signal=os.WTERMSIG(status))
        return pickle.loads(bytes(received))


def in_child(function: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Call a function in a child and return what it returns; raise what it says when it fails."""
    ended = Child(function).wait(seconds)
    if ended.signal or ended.error:
        raise RuntimeError(ended.error or f"the child was killed by signal {ended.signal}")
    return ended.value


def _call(function: Callable[[], Any], write: int) -> None:
    logging.disable(logging.CRITICAL)
    try:
        ended = Ended(value=function())
    except BaseException:
        ended = Ended(error=traceback.format_exc())
    with os.fdopen(write, "wb") as pipe:
        pickle.dump(ended, pipe)
    # Nothing that was open at the fork is the child's to close.
    os._exit(0)
