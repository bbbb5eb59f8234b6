"""Run a few programs side by side, as children that start together and stop together."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Program:
    """What to start: a name for people, the command line, and what its environment has besides ours."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    keep_open: Sequence[int] = ()


@dataclass(frozen=True)
class Ended:
    """A program that ended by itself, and how: the exit code, or minus the signal that killed it."""

    name: str
    code: int


@dataclass
class _Request:
    """How often somebody asked to stop."""

    count: int = 0


def run_together(programs: Sequence[Program], *, grace: float, started: Callable[[], None]) -> Ended | None:
    """Run the programs until SIGINT or SIGTERM, or until one ends by itself; then stop them all.

    Returns the one that ended by itself, or None. Each gets `grace` seconds after SIGTERM, then SIGKILL;
    who asks twice does not want to wait for that.
    """
    children: list[tuple[Program, subprocess.Popen[bytes]]] = []
    with _stop_requests() as request, _watcher(grace) as pipe:
        try:
            # One by one, so that those already started are stopped when another cannot be.
            children.extend((program, _start(program, pipe)) for program in programs)
            started()
            return _wait(children, request)
        finally:
            _stop([child for _, child in children], grace, request)


@contextlib.contextmanager
def _stop_requests() -> Iterator[_Request]:
    request = _Request()

    def note(signum: int, frame: FrameType | None) -> None:
        request.count += 1

    former = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _watcher(grace: float) -> Iterator[int]:
    """Start what stops the children should this process be killed; yield the pipe that names them to it."""
    watcher = subprocess.Popen(
        [sys.executable, "-m", "grove_console.watcher", str(grace)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert watcher.stdin is not None
    try:
        yield watcher.stdin.fileno()
    finally:
        # By now every child has been stopped, so there is nothing left for it to do.
        watcher.kill()
        watcher.wait()
        watcher.stdin.close()


def _start(program: Program, watcher: int) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches us alone, and what a child leaves behind can be killed by group.
    return subprocess.Popen(
        program.command,
        env={**os.environ, **program.environment},
        stdin=subprocess.DEVNULL,
        pass_fds=program.keep_open,
        start_new_session=True,
        # In the child, so that there is no moment in which it lives and the watcher does not know it.
        preexec_fn=lambda: os.write(watcher, f"{os.getpid()}\n".encode()),
    )


def _wait(children: list[tuple[Program, subprocess.Popen[bytes]]], request: _Request) -> Ended | None:
    while not request.count:
        for program, child in children:
            if (code := child.poll()) is not None:
                return Ended(program.name, code)
        time.sleep(_POLL_SECONDS)
    return None


def _stop(children: Sequence[subprocess.Popen[bytes]], grace: float, request: _Request) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + grace
    asked = request.count
    while any(child.poll() is None for child in children):
        if time.monotonic() > deadline or request.count > max(asked, 1):
            break
        time.sleep(_POLL_SECONDS)
    for child in children:
        # Also where the child itself has ended: its own children may have not.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
