"""Parsers of single values; each raises BadRow with the reason and what to write instead."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from advancement.criteria.signals import MAX_COUNT
from advancement.criteria.texts import written
from advancement.criteria.wording import advice, quoted, storage_obstacle
from advancement.importing.outcome import BadRow

MAX_IDENTIFIER: Final = 200
FIRST_YEAR: Final = 1900
MAX_DAYS_AHEAD: Final = 366

_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_WHOLE: Final = re.compile(r"([+-]?)0*(\d+)(?:\.0*)?", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
# Years, months and days; a week or a day of the year is more likely to be a slip.
_DATE: Final = re.compile(r"(?:\d{4}-\d\d-\d\d|\d{8})(?:[Tt ].+)?", re.ASCII)
_BOOLEANS: Final = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def shown(value: object) -> str:
    """Return a foreign value as a message can show it."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "missing"}[value]
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) > 10**40:
        return f"a number of {int(value.bit_length() * 0.30103) + 1} digits"
    return str(value)


def text(value: object, name: str, longest: int | None = None) -> str:
    """Return text that is neither empty nor blank, of at most `longest` characters, and can be stored."""
    if not isinstance(value, str):
        raise BadRow(f"{name} is {shown(value)}; write text")
    if not value or value.isspace():
        raise BadRow(f"{name} is empty; every row needs one")
    # Printable text, nearly all there is, can be stored; looking closer takes a hundred times as long.
    if not value.isprintable() and (obstacle := storage_obstacle(value)):
        raise BadRow(f"{name} contains {obstacle}; remove it")
    if not written(value):
        raise BadRow(f"{name} has nothing that can be seen; write text")
    if longest is not None and len(value) > longest:
        raise BadRow(f"{name} has {len(value):,} characters; at most {longest:,} are kept, shorten it")
    return value


def optional_text(value: object, name: str, longest: int = MAX_IDENTIFIER) -> str:
    """Return text as `text` does, and empty text for null and blanks."""
    if value is None or (isinstance(value, str) and (not value or value.isspace())):
        return ""
    return text(value, name, longest)


def uuid(value: object, name: str) -> str:
    """Return a UUID as 32 lowercase hexadecimal digits."""
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise BadRow(f"{name} is {shown(value)}; write a UUID, such as 2c5487a8-7d5d-5f0e-a718-f4311a904f5f")
    return value.replace("-", "").lower()


def one_of(value: object, name: str, known: Iterable[str]) -> str:
    """Return the value if it is one of the known names."""
    choices = known if isinstance(known, Sequence | dict | set | frozenset) else list(known)
    if not isinstance(value, str):
        raise BadRow(f"{name} is {shown(value)}; {advice('', choices)}")
    if value not in choices:
        raise BadRow(f"{name} {quoted(value)} is not known; {advice(value, choices)}")
    return value


class TimeParser:
    """Parses times of 1900 and later, up to 366 days after the given instant."""

    def __init__(self, now: datetime) -> None:
        self._latest = now.astimezone(UTC) + timedelta(days=MAX_DAYS_AHEAD)

    def __call__(self, value: object, name: str) -> str:
        """Return an ISO 8601 time as `2026-01-13 18:39:52.123456` in UTC; without zone it is UTC."""
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise _not_a_time(value, name)
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            raise _not_a_time(value, name) from None
        # Before the conversion, which fails at the ends of the calendar.
        if time.year < FIRST_YEAR:
            raise BadRow(f"{name} {quoted(value)} is before {FIRST_YEAR}; write the real date")
        if time.year > self._latest.year + 1:
            raise self._too_late(value, name)
        utc = time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)
        if utc > self._latest.replace(tzinfo=None):
            raise self._too_late(value, name)
        return str(utc)

    @staticmethod
    def _too_late(value: str, name: str) -> BadRow:
        return BadRow(f"{name} {quoted(value)} is more than a year in the future; write the real date")


def _not_a_time(value: object, name: str) -> BadRow:
    return BadRow(f"{name} is {shown(value)}; write a time that exists, such as 2026-01-13T18:39:52Z")


def missing(value: object) -> bool:
    """Whether a field is unknown: null, empty or blank."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def count(value: object, name: str, highest: int = MAX_COUNT) -> int:
    """Return a whole number from 0 to `highest`; 12.0 is one, true is not."""
    number = _whole(value)
    if number is None:
        raise BadRow(f"{name} is {shown(value)}; write a whole number in plain digits")
    if number < 0:
        raise BadRow(f"{name} is {shown(value)}, below 0; write how often it was counted")
    if number > highest:
        raise BadRow(f"{name} is {shown(value)}; at most {highest:,} can be kept")
    return number


def _whole(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    match = _WHOLE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    sign, digits = match.groups()
    # Python does not convert thousands of digits; what counts is only that it is too large.
    return int(sign + digits[:40])


def score(value: object, name: str, low: float, high: float) -> float:
    """Return a finite number from `low` to `high`."""
    number = _number(value)
    if number is None or not math.isfinite(number):
        raise BadRow(f"{name} is {shown(value)}; write a number from {low:g} to {high:g}")
    if not low <= number <= high:
        raise BadRow(f"{name} is {shown(value)}; it must be from {low:g} to {high:g}")
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value.strip()):
            return None
        return float(value)
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return math.inf


def boolean(value: object, name: str) -> bool:
    """Return true or false, as JSON or as text writes it."""
    if isinstance(value, bool):
        return value
    known = _BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else None
    if known is None:
        raise BadRow(f"{name} is {shown(value)}; write true or false")
    return known
