"""Import files that came in by the browser: keep them, check them, import them, by the commands' code."""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from advancement.criteria.errors import AdvancementError
from advancement.database.clock import database_now
from advancement.importing.events import EventImporter
from advancement.importing.importer import Importer
from advancement.importing.outcome import ImportRefused
from advancement.importing.pipeline import import_file
from advancement.importing.rejects import REASONS_SUFFIX
from advancement.importing.signals import SignalImporter
from advancement.importing.sprouts import SproutImporter
from advancement.models.uploads import Upload, UploadContent, UploadKind, UploadPart, UploadStatus

logger = logging.getLogger(__name__)

IMPORTERS: Final[dict[str, type[Importer]]] = {
    UploadKind.SPROUTS: SproutImporter,
    UploadKind.EVENTS: EventImporter,
    UploadKind.SIGNALS: SignalImporter,
}
# Larger files are for the commands, which need no copy in the database.
MAX_BYTES: Final = 256 * 2**20
# How long a file waits for somebody to confirm it, and a worker may be silent.
KEPT_FOR: Final = timedelta(days=7)
_SILENT_FOR: Final = timedelta(minutes=10)
_PIECE: Final = 2**20

_OPEN: Final = (UploadStatus.CHECKING, UploadStatus.IMPORTING)
_PENDING: Final = (*_OPEN, UploadStatus.CHECKED, UploadStatus.REFUSED)


def receive(kind: str, name: str, chunks: Iterable[bytes], *, by: str, using: str = "default") -> Upload:
    """Keep a file to be checked; raise AdvancementError when it is empty or too large."""
    with transaction.atomic(using=using):
        upload = Upload.objects.using(using).create(
            kind=kind, name=name[-255:], size=0, uploaded_by=by, uploaded_at=database_now(using)
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
        if not good_rows(upload):
            raise AdvancementError("There is no good row in this file; mend it and check it again.")
        waiting.update(status=UploadStatus.IMPORTING, skip_bad_rows=skip_bad_rows, worked_at=None)


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


def something_uploaded(*, using: str = "default") -> bool:
    """Whether a file waits to be checked or imported."""
    return _free(using).exists()


def work_on_uploads(*, using: str = "default") -> list[Upload]:
    """Check and import what waits; drop what nobody decided about for a week."""
    done = []
    while upload := _claim(using):
        _work(upload, using)
        done.append(upload)
    old = Upload.objects.using(using).filter(
        status__in=_PENDING, uploaded_at__lt=database_now(using) - KEPT_FOR
    )
    for upload_id in list(old.values_list("pk", flat=True)):
        UploadPart.objects.using(using).filter(upload=upload_id).delete()
        Upload.objects.using(using).filter(pk=upload_id).update(status=UploadStatus.DROPPED)
    rejects = UploadPart.objects.using(using).exclude(content=UploadContent.FILE)
    rejects.filter(upload__uploaded_at__lt=database_now(using) - KEPT_FOR).delete()
    return done


def _free(using: str) -> "QuerySet[Upload]":
    silent = database_now(using) - _SILENT_FOR
    waits = Q(worked_at__isnull=True) | Q(worked_at__lt=silent)
    return Upload.objects.using(using).filter(waits, status__in=_OPEN).order_by("id")


def _claim(using: str) -> Upload | None:
    with transaction.atomic(using=using):
        upload = _free(using).select_for_update().first()
        if upload is not None:
            Upload.objects.using(using).filter(pk=upload.pk).update(worked_at=database_now(using))
        return upload


def _work(upload: Upload, using: str) -> None:
    checking = upload.status == UploadStatus.CHECKING

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
            )
            status = UploadStatus.CHECKED if checking else UploadStatus.IMPORTED
            if checking and outcome.rejected:
                status = UploadStatus.REFUSED
        except ImportRefused as refusal:
            outcome, status = refusal.outcome, UploadStatus.REFUSED
        except Exception:
            logger.exception("Upload %s failed on a defect", upload.pk)
            raise
        with transaction.atomic(using=using):
            _keep_rejects(upload, outcome.rejected_file, using)
            Upload.objects.using(using).filter(pk=upload.pk).update(
                status=status, outcome=replace(outcome, rejected_file=None).as_json, worked_at=None
            )
            if status == UploadStatus.IMPORTED:
                UploadPart.objects.using(using).filter(upload=upload.pk, content=UploadContent.FILE).delete()


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
