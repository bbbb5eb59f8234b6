"""Count what the rules match after the signals or tiers changed, as a duty that must not fail any run."""

import logging

import django.db

from advancement.evaluation.counts import refresh_counts
from advancement.runs.retry import drop_connection, first_line, interruption_behind

logger = logging.getLogger(__name__)


def count_after_runs(*, using: str = "default") -> None:
    """Bring the counts of the rules up to date; a failure is logged and left to the next call.

    To be called outside of the transactions of a run, and where nobody waits.
    """
    try:
        refresh_counts(using=using)
    except django.db.Error as error:
        if interruption := interruption_behind(error):
            raise interruption from error
        drop_connection(using)
        logger.error("What the rules match is not counted yet: %s", first_line(error))
    except Exception:
        logger.exception("What the rules match cannot be counted, on a defect")
