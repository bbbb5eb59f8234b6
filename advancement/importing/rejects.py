"""The file of bad rows beside the imported one, to be mended and imported again, and that of the reasons."""

import contextlib
import io
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Final

from advancement.importing.outcome import BadFile
from advancement.importing.reading import name_of

# Beside the bad rows: a sentence for each of them.
REASONS_SUFFIX: Final = ".reasons"


@contextlib.contextmanager
def rejected_file(path: str, header: str, rows: Iterable[tuple[bytes, str]]) -> Iterator[str]:
    """Write the rows, after the header if there is one, to a new file and yield its name.

    Their reasons go to a second file of that name with `.reasons`. Both go again when the block fails.
    An existing file is never overwritten: FILE.rejected, FILE.rejected-2 and so on. Raise BadFile where
    they cannot be written.
    """
    with contextlib.ExitStack() as undo:
        try:
            target, rejected, reasons = _create(name_of(path), undo)
            with rejected, reasons:
                if header:
                    rejected.write(_ended(header.encode()))
                for raw, reason in rows:
                    rejected.write(_ended(raw))
                    reasons.write(_ended(reason.encode()))
        except OSError as error:
            raise BadFile(f"the bad rows cannot be written beside it ({error}); mend them first") from error
        yield target
        undo.pop_all()


def _create(path: str, undo: contextlib.ExitStack) -> tuple[str, io.BufferedWriter, io.BufferedWriter]:
    for attempt in count(1):
        target = f"{path}.rejected" if attempt == 1 else f"{path}.rejected-{attempt}"
        with contextlib.suppress(FileExistsError), contextlib.ExitStack() as mine:
            rejected = _create_one(target, mine)
            reasons = _create_one(target + REASONS_SUFFIX, mine)
            undo.push(mine.pop_all())
            return target, rejected, reasons
    raise AssertionError  # count never ends


def _create_one(name: str, undo: contextlib.ExitStack) -> io.BufferedWriter:
    stream = Path(name).open("xb")  # noqa: SIM115 - closed by who writes to it
    undo.callback(Path(name).unlink, missing_ok=True)
    undo.callback(stream.close)
    return stream


def _ended(raw: bytes) -> bytes:
    return raw if raw.endswith(b"\n") else raw + b"\n"
