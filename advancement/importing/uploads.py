"""Import files that came in by the browser: keep them, check them, import them, by the commands' code."""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from advancement.criteria.errors import AdvancementError, LeaseLost
from advancement.database.clock import ClockTimestamp, database_now
from advancement.importing.events import EventImporter
from advancement.importing.importer import Importer
from advancement.importing.outcome import ImportRefused, Outcome
from advancement.importing.pipeline import import_file
from advancement.importing.rejects import REASONS_SUFFIX
from advancement.importing.signals import SignalImporter
from advancement.importing.sprouts import SproutImporter
from advancement.leases import MOST_ATTEMPTS, Held, hand_over, nobody_holds, take_first
from advancement.models.uploads import Upload, UploadContent, UploadKind, UploadPart, UploadStatus

logger = logging.getLogger(__name__)

IMPORTERS: Final[dict[str, type[Importer]]] = {
    UploadKind.SPROUTS: SproutImporter,
    UploadKind.EVENTS: EventImporter,
    UploadKind.SIGNALS: SignalImporter,
}
# Larger files are for the commands, which need no copy in the database.
MAX_BYTES: Final = 256 * 2**20
# How long a file waits for somebody to confirm it.
KEPT_FOR: Final = timedelta(days=7)
_PIECE: Final = 2**20

# What a worker has something to do about.
OPEN: Final = (UploadStatus.CHECKING, UploadStatus.IMPORTING)
_PENDING: Final = (*OPEN, UploadStatus.CHECKED, UploadStatus.REFUSED)


def receive(kind: str, name: str, chunks: Iterable[bytes], *, by: str, using: str = "default") -> Upload:
    """Keep a file to be checked; raise AdvancementError when it is empty or too large."""
    now = database_now(using)
    with transaction.atomic(using=using):
        upload = Upload.objects.using(using).create(
            kind=kind, name=name[-255:], size=0, uploaded_by=by, uploaded_at=now, waits_since=now
        )
        for number, data in enumerate(chunks):
            upload.size += len(data)
            if upload.size > MAX_BYTES:
                raise AdvancementError(
                    f"The file is larger than {MAX_BYTES // 2**20} MiB: import it with the command "
                    f"import_{kind}, which needs no copy of it."
                )
            UploadPart.objects.using(using).create(upload=upload, number=number, data=data)
        if not upload.size:
            raise AdvancementError("The file is empty; export it again.")
        upload.save(using=using, update_fields=["size"])
        return upload


def confirm(upload_id: int, *, skip_bad_rows: bool = False, using: str = "default") -> None:
    """Let a checked file be imported, or its good rows alone.

    Raise AdvancementError when it does not wait for that, or has no good row.
    """
    with transaction.atomic(using=using):
        states = [UploadStatus.CHECKED, UploadStatus.REFUSED] if skip_bad_rows else [UploadStatus.CHECKED]
        waiting = Upload.objects.using(using).select_for_update().filter(pk=upload_id, status__in=states)
        upload = waiting.first()
        if upload is None:
            raise AdvancementError("This file does not wait for a decision any more.")
        if not (upload.outcome or {}).get("read"):
            raise AdvancementError("This file was not read; send it once more, or import it by its command.")
        if not good_rows(upload):
            raise AdvancementError("There is no good row in this file; mend it and check it again.")
        waiting.update(
            status=UploadStatus.IMPORTING,
            skip_bad_rows=skip_bad_rows,
            waits_since=ClockTimestamp(),
            lease_expires_at=None,
            attempts=0,
        )


def good_rows(upload: Upload) -> int:
    """Return how many rows of a file can be used, as far as it was read."""
    outcome = upload.outcome or {}
    return max(int(outcome.get("read", 0)) - int(outcome.get("rejected", 0)), 0)


def pieces_of(upload: Upload, content: str, *, using: str = "default") -> Iterator[bytes]:
    """Yield the pieces of a file, of its bad rows or of their reasons."""
    parts = UploadPart.objects.using(using).filter(upload=upload.pk, content=content).order_by("number")
    for number in list(parts.values_list("number", flat=True)):
        yield bytes(parts.get(number=number).data)


def drop(upload_id: int, *, using: str = "default") -> None:
    """Delete a file that waits for a decision; its figures stay. Raise AdvancementError when none waits."""
    with transaction.atomic(using=using):
        waiting = Upload.objects.using(using).filter(
            pk=upload_id, status__in=[UploadStatus.CHECKED, UploadStatus.REFUSED]
        )
        if waiting.update(status=UploadStatus.DROPPED) != 1:
            raise AdvancementError("This file does not wait for a decision any more.")
        UploadPart.objects.using(using).filter(upload=upload_id).delete()


def take_back(upload_id: int, *, using: str = "default") -> Upload:
    """Let a file that nobody works on stand where it stood before it was sent, or confirmed; return it.

    One that was to be checked is dropped. Whoever worked on it and was lost is shut out. Raise
    AdvancementError when somebody works on it, or it is at its end.
    """
    with transaction.atomic(using=using):
        upload = _waiting(upload_id, using)
        checked = UploadStatus.REFUSED if (upload.outcome or {}).get("rejected") else UploadStatus.CHECKED
        upload.status = UploadStatus.DROPPED if upload.status == UploadStatus.CHECKING else checked
        hand_over(_row(upload_id, using), status=upload.status, lease_expires_at=None)
        if upload.status == UploadStatus.DROPPED:
            UploadPart.objects.using(using).filter(upload=upload_id).delete()
        return upload


def start_again(upload_id: int, *, using: str = "default") -> None:
    """Let a file whose worker was lost be taken up at once, as if for the first time.

    Raise AdvancementError when somebody works on it, or it is at its end.
    """
    with transaction.atomic(using=using):
        _waiting(upload_id, using)
        hand_over(_row(upload_id, using), waits_since=ClockTimestamp(), lease_expires_at=None, attempts=0)


def something_uploaded(*, using: str = "default") -> bool:
    """Whether a file waits to be checked or imported, and nobody works on it."""
    return _open(using).filter(nobody_holds()).exists()


def work_on_uploads(*, using: str = "default") -> list[Upload]:
    """Check and import what waits; drop what nobody decided about for a week.

    What fails for another reason than its rows is left to the next call, and so is what comes after it.
    """
    done = []
    while upload := take_first(_open(using).order_by("id"), worked_at=ClockTimestamp()):
        if not _work(upload, using):
            break
        done.append(upload)
    _drop_old(using)
    return done


def _drop_old(using: str) -> None:
    """Drop what nobody decided about for too long, unless somebody does at this moment."""
    too_old = database_now(using) - KEPT_FOR
    uploads, parts = Upload.objects.using(using), UploadPart.objects.using(using)
    with transaction.atomic(using=using):
        waiting = uploads.filter(nobody_holds(), status__in=_PENDING, uploaded_at__lt=too_old)
        old = list(waiting.select_for_update(skip_locked=True).values_list("pk", flat=True))
        hand_over(uploads.filter(pk__in=old), status=UploadStatus.DROPPED, lease_expires_at=None)
        parts.filter(upload__in=old).delete()
    parts.exclude(content=UploadContent.FILE).filter(upload__uploaded_at__lt=too_old).delete()


def _open(using: str) -> "QuerySet[Upload]":
    return Upload.objects.using(using).filter(status__in=OPEN)


def _row(upload_id: int, using: str) -> "QuerySet[Upload]":
    return Upload.objects.using(using).filter(pk=upload_id)


def _waiting(upload_id: int, using: str) -> Upload:
    """Lock a file that nobody works on and return it; raise AdvancementError when there is none."""
    free = _open(using).filter(nobody_holds(), pk=upload_id)
    upload = free.select_for_update().first()
    if upload is None:
        raise AdvancementError("This file does not wait to be worked on: somebody does, or has done it.")
    return upload


def _work(upload: Upload, using: str) -> bool:
    """Do what is to be done about a file that was taken; return whether it came to an end."""
    try:
        with Held(upload, using=using) as lease:
            if upload.attempts > MOST_ATTEMPTS:
                _end(upload, lease, UploadStatus.REFUSED, _given_up(upload), using)
            else:
                _check_or_import(upload, lease, using)
    except LeaseLost as lost:
        logger.warning("%s", lost)
    except Exception:
        logger.exception("Upload %s failed at attempt %s", upload.pk, upload.attempts)
        return False
    return True


def _check_or_import(upload: Upload, lease: Held, using: str) -> None:
    checking = upload.status == UploadStatus.CHECKING

    def imported(outcome: Outcome) -> None:
        _end(upload, lease, UploadStatus.IMPORTED, outcome, using)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        _write(upload, path, using)
        try:
            # The check looks at all rows, so that it can say what the good ones would do.
            outcome = import_file(
                IMPORTERS[upload.kind],
                str(path),
                skip_bad_rows=checking or upload.skip_bad_rows,
                check_only=checking,
                name=upload.name,
                using=using,
                before_commit=imported,
            )
        except ImportRefused as refusal:
            _end(upload, lease, UploadStatus.REFUSED, refusal.outcome, using)
            return
        if checking:
            status = UploadStatus.REFUSED if outcome.rejected else UploadStatus.CHECKED
            _end(upload, lease, status, outcome, using)


def _end(upload: Upload, lease: Held, status: UploadStatus, outcome: Outcome, using: str) -> None:
    """Record what came of it; what an import did to the grove is committed with this or not at all."""
    with transaction.atomic(using=using):
        lease.write(
            status=status, outcome=replace(outcome, rejected_file=None).as_json, lease_expires_at=None
        )
        _keep_rejects(upload, outcome.rejected_file, using)
        if status == UploadStatus.IMPORTED:
            UploadPart.objects.using(using).filter(upload=upload.pk, content=UploadContent.FILE).delete()


def _given_up(upload: Upload) -> Outcome:
    problem = (
        f"It was not done in {MOST_ATTEMPTS} attempts: each time its worker was lost, or failed as its log "
        f"says. Import it with the command import_{upload.kind}, which says where it ends."
    )
    return Outcome(upload.name, kept=False, problems=[problem])


def _keep_rejects(upload: Upload, rejected_file: str | None, using: str) -> None:
    """Keep the bad rows and their reasons to be downloaded, in place of those of an earlier look."""
    parts = UploadPart.objects.using(using)
    parts.filter(upload=upload.pk).exclude(content=UploadContent.FILE).delete()
    if rejected_file is None:
        return
    for content, name in (
        (UploadContent.REJECTED, rejected_file),
        (UploadContent.REASONS, rejected_file + REASONS_SUFFIX),
    ):
        with Path(name).open("rb") as file:
            for number, data in enumerate(iter(lambda: file.read(_PIECE), b"")):
                parts.create(upload=upload, content=content, number=number, data=data)


def _write(upload: Upload, path: Path, using: str) -> None:
    with path.open("wb") as file:
        for piece in pieces_of(upload, UploadContent.FILE, using=using):
            file.write(piece)
