"""Seal what has ended, as a duty beside the runs that must not fail any of them."""

import logging
from functools import partial

import django.db

from advancement.ledger.seals import seal_finished_runs
from advancement.models import Seal
from advancement.runs.log import note
from advancement.runs.retry import drop_connection, first_line, interruption_behind

logger = logging.getLogger(__name__)


def seal_ended_runs(*, using: str = "default") -> None:
    """Seal the runs that have ended; a failure is logged and left to the next call.

    To be called outside of the transactions of a run.
    """
    try:
        seal_finished_runs(tell=partial(_note, using=using), using=using)
    except django.db.Error as error:
        if interruption := interruption_behind(error):
            raise interruption from error
        drop_connection(using)
        logger.error("Runs that have ended are not sealed yet: %s", first_line(error))
    except Exception:
        logger.exception("Runs that have ended cannot be sealed, on a defect")


def _note(seal: Seal, using: str) -> None:
    note(
        seal.run_id,
        f"Sealed: seal {seal.number:,} over {seal.events:,} event{'s' * (seal.events != 1)}.",
        using=using,
    )
