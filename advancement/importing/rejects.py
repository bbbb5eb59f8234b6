"""The file of bad rows beside the imported one, to be mended and imported again."""

import contextlib
import io
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

from advancement.importing.outcome import BadFile
from advancement.importing.reading import name_of


@contextlib.contextmanager
def rejected_file(path: str, header: str, rows: Iterable[bytes]) -> Iterator[str]:
    """Write the rows, after the header if there is one, to a new file and yield its name.

    The file goes again when the block fails. An existing file is never overwritten: FILE.rejected,
    FILE.rejected-2 and so on. Raise BadFile where it cannot be written.
    """
    target: Path | None = None
    try:
        try:
            target, stream = _create(name_of(path))
            with stream:
                for raw in [header.encode(), *()] if header else []:
                    stream.write(_ended(raw))
                for raw in rows:
                    stream.write(_ended(raw))
        except OSError as error:
            raise BadFile(f"the bad rows cannot be written beside it ({error}); mend them first") from error
        yield str(target)
    except BaseException:
        if target is not None:
            target.unlink(missing_ok=True)
        raise


def _create(path: str) -> tuple[Path, io.BufferedWriter]:
    for attempt in count(1):
        target = Path(f"{path}.rejected" if attempt == 1 else f"{path}.rejected-{attempt}")
        with contextlib.suppress(FileExistsError):
            return target, target.open("xb")
    raise AssertionError  # count never ends


def _ended(raw: bytes) -> bytes:
    return raw if raw.endswith(b"\n") else raw + b"\n"
