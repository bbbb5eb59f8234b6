"""Parsers of arguments: times, durations, sprouts and reasons; each says what to write instead."""

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils.dateparse import parse_datetime

from advancement.criteria.texts import written

# Within these, no window and no time zone leads out of the calendar.
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 9998
_AGE: Final = re.compile(r"(\d{1,6})\s*([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MOST_DAYS: Final = 3_650
_LONGEST_AGE: Final = timedelta(days=36_500)


def instant(text: str) -> datetime:
    """Parse a date or a time; without a zone it is UTC."""
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise ArgumentTypeError(f"{text!r} is not a time; write it as in 2026-03-06T00:00:00Z or 2026-03-06.")
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ArgumentTypeError(
            f"{text!r} lies too far off; write a year from {_FIRST_YEAR} to {_LAST_YEAR}."
        )
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def instant_or_age(text: str) -> datetime | timedelta:
    """Parse a time as `instant` does, or how long ago it was: 90m, 24h, 7d."""
    if match := _AGE.fullmatch(text.strip().lower()):
        age = timedelta(**{_UNITS[match[2]]: int(match[1])})
        if age > _LONGEST_AGE:
            raise ArgumentTypeError(f"{text!r} lies too far back; write at most {_LONGEST_AGE.days:,}d.")
        return age
    try:
        return instant(text)
    except ArgumentTypeError:
        raise ArgumentTypeError(
            f"{text!r} is neither a time nor an age; write 2026-03-06T02:00:00Z, 90m, 24h or 7d."
        ) from None


def sprout(text: str) -> UUID:
    """Parse the id of a sprout."""
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is not the id of a sprout; write a UUID, such as 2c5487a8-7d5d-5f0e-a718-f4311a904f5f."
        ) from None


def days(text: str) -> timedelta:
    """Parse a number of days, 1 to 3,650."""
    if not re.fullmatch(r"\d{1,6}", text) or not 1 <= int(text) <= _MOST_DAYS:
        raise ArgumentTypeError(f"{text!r} is not a number of days from 1 to {_MOST_DAYS:,}.")
    return timedelta(days=int(text))


def reason(text: str) -> str:
    """Parse a reason: anything that is not blank."""
    if not written(text):
        raise ArgumentTypeError("nothing of it can be read; say why, in words for whoever reads it later.")
    return text
