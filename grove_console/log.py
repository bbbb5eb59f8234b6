"""What the log leaves out."""

import logging
from http import HTTPStatus


def without_traceback_of_refusals(record: logging.LogRecord) -> bool:
    """Say in one line that somebody may not do something: nothing is broken then."""
    if getattr(record, "status_code", None) == HTTPStatus.FORBIDDEN:
        record.exc_info = record.exc_text = None
    return True
