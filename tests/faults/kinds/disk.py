"""The disk is full: the copy lives in a tablespace on a small tmpfs, which only root can mount."""

import contextlib
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.faults import copies
from tests.faults.children import Child
from tests.faults.standing import counting_retries
from tests.faults.verdict import Fault, Stage
from tests.faults.waiting import wait_until
from tests.faults.works import WORKS, Work

KIND: Final = "disk full"
_WORKS: Final = (
    *("advance", "schedule", "rollback", "import-usage", "import-sprouts", "refresh-full"),
    *("upload", "wish"),
)
_PAGE: Final = 8192
_CHUNK: Final = 1 << 16


def reason_to_skip() -> str:
    """Return why these faults cannot be injected here, or nothing."""
    if os.geteuid() != 0:
        return "a full disk needs root, to mount a small one"
    with tempfile.TemporaryDirectory() as folder:
        if not _mount(Path(folder)):
            return "a full disk needs the right to mount a small one"
        subprocess.run(["umount", folder], check=True)
    return ""


def faults(count: int, chance: random.Random) -> list[Fault]:
    """Return that many, with a few free pages each."""
    return [
        _fault(WORKS[_WORKS[number % len(_WORKS)]], chance.randint(0, 2), number) for number in range(count)
    ]


def _fault(work: Work, pages: int, number: int) -> Fault:
    def inject(stage: Stage) -> None:
        with _small_disk(stage.database) as folder:
            filler = _fill(folder, pages * _PAGE)
            child = Child(stage.in_child(work, lambda: counting_retries(work)))
            if number % 2:  # half of them find room again while they retry
                with contextlib.suppress(TimeoutError):
                    wait_until(child.has_ended, 0.3)
                filler.unlink()
            if child.wait().value == 0:
                raise RuntimeError("the disk was large enough")
            filler.unlink(missing_ok=True)
            copies.session().execute(f"ALTER DATABASE {stage.database} SET TABLESPACE pg_default")

    return Fault(KIND, f"{pages} pages left, number {number}", work, inject)


@contextlib.contextmanager
def _small_disk(database: str) -> Iterator[Path]:
    """Move a database to a disk of its own; what is still there at the end is dropped with it."""
    folder = Path(tempfile.mkdtemp(prefix="grove-disk-"))
    space = f"{database}_space"
    if not _mount(folder):
        raise RuntimeError("the small disk could not be mounted")
    try:
        shutil.chown(folder, os.environ.get("GROVE_TEST_PGOWNER") or None, None)
        folder.chmod(0o700)
        session = copies.session()
        session.execute(f"CREATE TABLESPACE {space} LOCATION '{folder}'")
        try:
            session.execute(f"ALTER DATABASE {database} SET TABLESPACE {space}")
            yield folder
        finally:
            session.execute(f"ALTER DATABASE {database} SET TABLESPACE pg_default")
            session.execute(f"DROP TABLESPACE {space}")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def _mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _fill(folder: Path, left: int) -> Path:
    """Fill a disk up to some bytes."""
    filler = folder / "filler"
    free = shutil.disk_usage(folder).free - left
    with filler.open("wb") as file:
        while free > 0:
            file.write(b"\0" * min(free, _CHUNK))
            free -= _CHUNK
    return filler
