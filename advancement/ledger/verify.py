"""Prove the ledger: every tier the fold of its events, and the audit trail whole."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from django.db import DataError, InternalError, OperationalError, connections, transaction

from advancement.database.busy import is_busy
from advancement.database.triggers import count_triggers, missing_triggers
from advancement.ledger.chain import check_seal_runs, check_sealed_runs, check_seals
from advancement.ledger.findings import Check, check_by_list
from advancement.ledger.runs import check_event_moves, check_event_runs, check_moves, check_run_totals
from advancement.ledger.seals import START, Head, head_of_chain
from advancement.ledger.sprouts import check_reversals, check_revisions, check_steps, check_tiers
from advancement.models import Seal

logger = logging.getLogger(__name__)


def check_triggers(using: str) -> Check:
    """The triggers that refuse changes are there, all of them."""
    missing = missing_triggers(connections[using])
    sentences = (f"The trigger {name} is missing, disabled or changed." for name in missing)
    title = "The triggers that protect the records are in place"
    return check_by_list("triggers", title, count_triggers(connections[using]), sentences)


CHECKS: Final[tuple[Callable[[str], Check], ...]] = (
    check_tiers,
    check_steps,
    check_revisions,
    check_reversals,
    check_event_runs,
    check_event_moves,
    check_run_totals,
    check_moves,
    check_triggers,
    check_seals,
    check_sealed_runs,
    check_seal_runs,
)


# What values raise that no writer of this console can have written. SQLite calls some of it operational;
# on PostgreSQL that word is for a lost connection.
_UNREADABLE: Final = (
    *(TypeError, ValueError, AttributeError, OverflowError),
    *(DataError, InternalError, OperationalError),
)


@dataclass(frozen=True)
class Verification:
    """What was found: the checks, the chain's head, and whether a head that was kept is still in it."""

    checks: list[Check]
    head: Head
    kept: Head | None = None
    kept_fault: str = ""

    @property
    def found(self) -> int:
        """How many faults there are in all."""
        return sum(check.found for check in self.checks) + bool(self.kept_fault)


def verify_ledger(
    kept: Head | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    using: str = "default",
) -> Verification:
    """Make every check, on one snapshot of the database; `kept` is a head that was noted down before."""
    with _snapshot(using):
        checks = []
        for done, check in enumerate(CHECKS):
            progress(done, len(CHECKS))
            checks.append(_made(check, using))
        fault = _fault_of_kept(kept, using) if kept else ""
        return Verification(checks, head_of_chain(using), kept, fault)


def _made(check: Callable[[str], Check], using: str) -> Check:
    """Make a check; where what is stored cannot even be read, that is what it found."""
    try:
        with transaction.atomic(using=using):
            return check(using)
    except _UNREADABLE as error:
        lost = isinstance(error, OperationalError) and connections[using].vendor == "postgresql"
        if lost or is_busy(error):
            raise
        logger.exception("The check %s of the ledger could not be made", check.__name__)
        name, title = check.__name__.removeprefix("check_"), (check.__doc__ or "").partition(".")[0]
        said = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        return check_by_list(
            name, title, 0, [f"What is stored cannot be read, so this was not checked ({said})."]
        )


@contextmanager
def _snapshot(using: str) -> Iterator[None]:
    """Read everything as of one instant, while runs go on; SQLite keeps writers waiting meanwhile."""
    outermost = not connections[using].in_atomic_block
    with transaction.atomic(using=using):
        if connections[using].vendor == "postgresql":
            with connections[using].cursor() as cursor:
                if outermost:  # the level can only be set before a transaction's first query
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '128MB'")
        yield


def _fault_of_kept(kept: Head, using: str) -> str:
    if kept == START:
        return ""
    stored = Seal.objects.using(using).filter(number=kept.seal).values_list("hash", flat=True).first()
    if stored is None:
        return f"There is no seal {kept.seal}, though its hash was kept: the chain ends before it."
    if stored != kept.hash:
        return f"Seal {kept.seal} has another hash than the one that was kept: the chain was rewritten."
    return ""
