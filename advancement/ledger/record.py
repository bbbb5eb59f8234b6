"""What the newest check of the ledger found: written by whoever checks, read by whoever asks how all is."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import django.db
from django.db import transaction

from advancement.database.clock import database_now
from advancement.ledger.findings import Check
from advancement.ledger.seals import Head
from advancement.ledger.verify import Verification, verify_ledger
from advancement.models import LedgerCheck

logger = logging.getLogger(__name__)

# So many findings of each check are kept; all are counted.
_KEPT: Final = 5
_ONLY: Final = 1


def check_and_record(
    kept: Head | None = None,
    *,
    by: str = "",
    forget: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    using: str = "default",
) -> Verification:
    """Make every check and keep what came of it, unless the database refuses to be written.

    A head that was refuted stays so until one of the same or a later seal is found in the chain; `forget`
    takes it for mistyped. Of two checks at once that one is kept which looked last.
    """
    looked_at = database_now(using)
    found = verify_ledger(kept, progress=progress, using=using)
    try:
        with transaction.atomic(using=using):
            _record(found, looked_at, by, forget, using)
    except django.db.Error as error:
        logger.warning("What the check of the ledger found is not kept: %s", str(error).partition("\n")[0])
    return found


def last_check(*, using: str = "default") -> LedgerCheck | None:
    """Return what the newest check found, or None before the first."""
    return LedgerCheck.objects.using(using).first()


def ledger_fault(check: LedgerCheck | None) -> str | None:
    """Return a sentence when the newest check found faults."""
    if check is None or not check.found:
        return None
    faults = "1 fault" if check.found == 1 else f"{check.found:,} faults"
    return (
        f"the check of {check.checked_at:%Y-%m-%d %H:%M} UTC found {faults}; "
        "manage.py verify_ledger lists all of them"
    )


def _record(found: Verification, looked_at: datetime, by: str, forget: bool, using: str) -> None:
    records = LedgerCheck.objects.using(using)
    former = records.select_for_update().first()
    fault, seal = found.kept_fault, found.kept.seal if found.kept_fault and found.kept else None
    if former and not forget and not _clears(found, former):
        fault, seal = former.kept_fault, former.kept_seal
    newer: dict[str, Any] = {"kept_fault": fault, "kept_seal": seal}
    if former is None or former.checked_at <= looked_at:
        newer |= {
            "checked_at": looked_at,
            "checked_by": by,
            "faults": [_as_json(check) for check in found.checks if check.found],
        }
    records.update_or_create(pk=_ONLY, defaults=newer)


def _clears(found: Verification, former: LedgerCheck) -> bool:
    """Whether a check says more about the chain than the head that was refuted before.

    One that is in the chain proves all seals up to its own; one that is not tells as much as it is late.
    """
    if not former.kept_fault:
        return True
    return found.kept is not None and found.kept.seal >= (former.kept_seal or 0)


def _as_json(check: Check) -> dict[str, Any]:
    return {
        "title": check.title,
        "checked": check.checked,
        "found": check.found,
        "findings": check.findings[:_KEPT],
    }
