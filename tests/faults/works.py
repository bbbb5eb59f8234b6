"""The pieces of work that faults are injected into.

Each looks at what is on record before it asks for anything, as an operator does whose terminal died: so
it can be called again after a fault, and comes to the same end as if it had been called once.
"""

import contextlib
import json
import tempfile
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from advancement.aggregation.refresh import refresh_signals
from advancement.criteria.errors import AdvancementError
from advancement.database.clock import database_now
from advancement.holds import release_holds, set_holds
from advancement.importing import EventImporter, SignalImporter, SproutImporter, import_file
from advancement.importing.importer import Importer
from advancement.importing.uploads import OPEN, confirm, receive, work_on_uploads
from advancement.leases import owner
from advancement.models import Hold, Run, Schedule, SignalRequest, Sprout, Upload
from advancement.models.runs import RunKind, RunStatus, RunTrigger
from advancement.models.uploads import UploadKind, UploadStatus
from advancement.notifications.send import send_due
from advancement.rollback.scope import RollbackRequest
from advancement.rulebook.saving import save_rules
from advancement.runs import retry, start, work
from advancement.runs.decisions import approve
from advancement.runs.override import override_tier
from advancement.runs.refreshing import ask_for_refresh, refresh_when_asked
from advancement.runs.schedule import work_off
from advancement.runs.start import RunRequest, start_rollback, start_run
from tests.criteria.cast import make_rule
from tests.faults.grove import BATCH, TIERS, sprout_id
from tests.faults.waiting import wait_until

BY: Final = "an operator"
# By whom the runs of a piece of work are known; those that were planted have other names.
_asking: ContextVar[str] = ContextVar("asking", default="the work")
# A night that was due an hour before this process began.
_DUE: Final = datetime.now(UTC) - timedelta(hours=1)
DUE_CRON: Final = f"{_DUE.minute} {_DUE.hour} * * *"
# Each message becomes a file: real deliveries, whose receiver cannot be killed along.
MAIL: Final = {
    "NOTIFY_EMAILS": ["ada@example.org", "ben@example.org"],
    "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
    "EMAIL_FILE_PATH": str(Path(tempfile.gettempdir()) / "grove-faults-mail"),
}


@dataclass(frozen=True)
class Work:
    """Something that the console does; `settings` are those that it needs."""

    name: str
    do: Callable[[], object]
    settings: Mapping[str, Any] = field(default_factory=dict)


def prepare(work_: Work) -> None:
    """Set this process up for a piece of work."""
    usual = {
        "DEBUG": False,
        "ADVANCEMENT_FROM_TIERS": list(TIERS),
        "ADVANCEMENT_BATCH_SIZE": BATCH,
        "ADVANCEMENT_MAX_SHARE": 1.0,
        "ADVANCEMENT_CRON": None,
        "NOTIFY_EMAILS": [],
    }
    for name, value in {**usual, **work_.settings}.items():
        setattr(settings, name, value)
    retry.RETRY_DELAYS = (0.05, 0.2, 0.5)  # type: ignore[assignment]
    work._POLL = 0.02  # type: ignore[misc]
    start._LEAST_ROLLBACK_BATCH = BATCH  # type: ignore[misc]


def asked_for(**values: Any) -> Run | None:
    """Return the run that this work has put on record already; what was planted is older."""
    return Run.objects.filter(requested_by=_asking.get(), **values).first()


def finish(run: Run) -> Run:
    """Work on a run that was just started."""
    return work.work_on(run.pk, run.lease_token)


def advance() -> None:
    """Do an extra run."""
    if asked_for(kind=RunKind.ADVANCEMENT) is None:
        request = RunRequest(from_tiers=TIERS, requested_by=_asking.get())
        finish(start_run(request, trigger=RunTrigger.COMMAND))


def advance_and_tell() -> None:
    """Do an extra run, and send what there is to tell about it."""
    advance()
    list(send_due())


def advance_by_schedule() -> None:
    """Do what the clusters do once a night is due."""
    settings.ADVANCEMENT_CRON = DUE_CRON
    work_off()


def advance_with_approval() -> None:
    """Do a run that a guardrail holds, and approve most of it."""
    run = asked_for()
    if run is None:
        request = RunRequest(from_tiers=TIERS, requested_by=_asking.get())
        run = start_run(request, trigger=RunTrigger.COMMAND)
        run = finish(run)
    if run.status == RunStatus.HELD:
        struck = run.moves.order_by("position").values_list("sprout", flat=True)[:2]
        approve(run.pk, by=BY, reason="looked at", excluding=list(struck))
    work_off()


def roll_back() -> None:
    """Take everything back, several steps of a sprout included, hold the sprouts and disable the rules."""
    if asked_for() is None:
        since = database_now() - timedelta(days=7)
        request = RollbackRequest(
            "a mistake", _asking.get(), since=since, unwind=True, hold=True, disable_rules=True
        )
        finish(start_rollback(request, trigger=RunTrigger.COMMAND))


def undo() -> None:
    """Undo the rollback that was planted, which releases its holds."""
    if asked_for() is None:
        undone = Run.objects.filter(kind=RunKind.ROLLBACK).earliest("id")
        request = RollbackRequest("it was right", _asking.get(), undoes=undone.pk)
        finish(start_rollback(request, trigger=RunTrigger.COMMAND))


def override() -> None:
    """Set a tier by hand, with a hold."""
    if asked_for() is None:
        sprout = Sprout.objects.filter(tier="sprout").earliest("id")
        override_tier(sprout.pk, "tree", reason="read", by="the work", trigger=RunTrigger.COMMAND)


def hold_and_release() -> None:
    """Set holds on some sprouts, and release those that were planted."""
    if not Hold.objects.filter(set_by="the work").exists():
        set_holds([sprout_id(number) for number in range(50, 60)], reason="wait", by="the work")
    planted = Hold.objects.filter(set_by="an operator", released_at=None, set_by_run_id=None)
    if sprouts := list(planted.values_list("sprout", flat=True)):
        release_holds(sprouts, reason="done", by="the work")


def save_some_rules() -> None:
    """Import rules: one changed, one new."""
    save_rules(
        [
            make_rule("citations >= 2", slug="cited"),
            make_rule("views >= 9", slug="latest", from_tier="tree", to_tier="grove"),
        ],
        by="the work",
    )


def refresh() -> None:
    """Bring the signals up to date."""
    refresh_signals()


def refresh_fully() -> None:
    """Compute all signals anew."""
    refresh_signals(full=True)


def refresh_as_asked() -> None:
    """Ask for a refresh of the signals as on their page, and let a worker do it."""
    if not SignalRequest.objects.filter(finished_at__isnull=False, error="").exists():
        # Of several who ask at once, the others are told that somebody did.
        with contextlib.suppress(AdvancementError):
            ask_for_refresh(by="the work")
        ended = SignalRequest.objects.filter(finished_at__isnull=False)
        wait_until(lambda: refresh_when_asked() or ended.exists())
    assert not (error := SignalRequest.objects.get().error), error


def send_usage() -> None:
    """Send usage events as on the page for imports, and confirm them."""
    _send(UploadKind.EVENTS, _usage_rows(), UploadStatus.CHECKED)


def send_sprouts_with_bad_rows() -> None:
    """Send sprouts of which some cannot be used, and confirm the others."""
    bad = [{"id": str(sprout_id(number))} for number in range(200, 203)]
    _send(UploadKind.SPROUTS, [*_sprout_rows(), *bad], UploadStatus.REFUSED)


def _send(kind: UploadKind, rows: list[dict[str, Any]], checked: UploadStatus) -> None:
    data = _lines(rows).encode()
    with transaction.atomic():
        # Of several who come at once, one sends it.
        Schedule.objects.select_for_update().get()
        if not Upload.objects.exists():
            middle = len(data) // 2
            receive(kind, "rows.jsonl", [data[:middle], data[middle:]], by="the work")
    _work_on_upload()
    upload = Upload.objects.get()
    if upload.status == checked:
        # Of several who confirm at once, the others are told that it does not wait any more.
        with contextlib.suppress(AdvancementError):
            confirm(upload.pk, skip_bad_rows=checked == UploadStatus.REFUSED)
    _work_on_upload()


def _work_on_upload() -> None:
    """Work until the file is not open any more, whoever works on it; once it failed here, that is all."""

    def ended() -> bool:
        work_on_uploads()
        upload = Upload.objects.get()
        failed = upload.attempts and upload.lease_owner == owner() and upload.lease_expires_at is None
        assert upload.status not in OPEN or not failed, f"{upload.status} is left to the next tick"
        return upload.status not in OPEN

    wait_until(ended)


def import_sprouts() -> None:
    """Import some sprouts that are new and some with a new title."""
    _import(SproutImporter, _sprout_rows())


def _sprout_rows() -> list[dict[str, Any]]:
    return [
        {
            "id": str(sprout_id(number)),
            "title": f"notes/new-{number}.md",
            "lifecycle_model": "botanical",
            "tier": TIERS[number % 3],
            "created_at": "2025-12-01T00:00:00Z",
        }
        for number in range(70, 130)
    ]


def import_usage() -> None:
    """Import usage events."""
    _import(EventImporter, _usage_rows())


def _usage_rows() -> list[dict[str, Any]]:
    return [
        {
            "id": f"late-{number}",
            "sproutId": str(sprout_id(number % 80)),
            "eventType": "sprout_viewed",
            "createdAt": "2026-01-05T10:00:00Z",
            "sessionId": f"session-{number}",
        }
        for number in range(160)
    ]


def import_ready_signals() -> None:
    """Import signals that were aggregated elsewhere."""
    rows = [
        {
            "sprout_id": str(sprout_id(number)),
            "period": "all_time",
            "view_count": number,
            "reference_count": 2,
        }
        for number in range(60)
    ]
    _import(SignalImporter, rows)


def _import(importer: type[Importer], rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text(_lines(rows))
        import_file(importer, str(path))


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def of_another(work_: Work) -> Work:
    """Return the same work, asked for by somebody else."""

    def do() -> None:
        token = _asking.set("another")
        try:
            work_.do()
        finally:
            _asking.reset(token)

    return replace(work_, do=do)


WORKS: Final = {
    work_.name: work_
    for work_ in (
        Work("advance", advance),
        Work("tell", advance_and_tell, MAIL),
        Work("schedule", advance_by_schedule),
        Work("approve", advance_with_approval, {"ADVANCEMENT_MAX_MOVES": 5}),
        Work("rollback", roll_back),
        Work("undo", undo),
        Work("override", override),
        Work("holds", hold_and_release),
        Work("rules", save_some_rules),
        Work("refresh", refresh),
        Work("refresh-full", refresh_fully),
        Work("import-sprouts", import_sprouts),
        Work("import-usage", import_usage),
        Work("import-signals", import_ready_signals),
        Work("upload", send_usage),
        Work("upload-bad-rows", send_sprouts_with_bad_rows),
        Work("wish", refresh_as_asked),
    )
}
