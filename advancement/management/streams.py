"""Standard streams that may be closed, full, or read by nobody."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# What keeps a file from being written. The other files that commands write have sentences of their own.
_WRITING: Final = {errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC}


class _Closed(io.TextIOBase):
    """Stands for a standard output that was closed: what is written is lost, and said to be."""

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, "it is closed")


def replace_closed_streams() -> None:
    """Put something in the place of closed streams: an output that fails, and errors that nobody reads."""
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process lives


@contextlib.contextmanager
def all_written() -> Iterator[None]:
    """Exit with 1 and a sentence when the output of the block could not be written to its end.

    An exit code other than 0 that the block itself asks for stays; so does silence when merely nobody
    reads the output any more.
    """
    written: OSError | None = None
    try:
        yield
    except OSError as error:
        if not isinstance(error, BrokenPipeError) and error.errno not in _WRITING:
            raise
        written = error
    except SystemExit:
        _complain(_lost())
        raise
    fault = _lost() or written
    if fault is not None and not isinstance(fault, BrokenPipeError):
        _complain(fault)
        sys.exit(1)


def _lost() -> OSError | None:
    """Flush standard output; return what keeps it from being written and let the rest go nowhere."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # The interpreter flushes once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


def _complain(fault: OSError | None) -> None:
    if fault is not None and not isinstance(fault, BrokenPipeError):
        reason = fault.strerror or str(fault)
        sys.stderr.write(f"The output could not be written ({reason}); what was done stays done.\n")
