"""Turn names, numbers and foreign text into what a message to an operator can safely show."""

import difflib
import math
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

_SHOWN_CHARACTERS: Final = 60
_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
# Letters written from right to left, and the characters that change the direction.
_TURNING: Final = frozenset({"R", "AL", "AN", "RLE", "LRE", "RLO", "LRO", "PDF", "RLI", "LRI", "FSI", "PDI"})
# How many valid names a message lists: beside a good guess, and without one.
_FEW_CHOICES: Final = 8
_MANY_CHOICES: Final = 30
# Below this, every whole number is a double of its own, so showing it as an integer loses nothing.
_EXACT_INTEGERS: Final = 2.0**53


def quoted(text: str) -> str:
    """Return the text in double quotes, shortened, with unprintable characters escaped."""
    start = text[: _SHOWN_CHARACTERS + 1]
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in start)
    return f'"{shown}"' if len(shown) <= _SHOWN_CHARACTERS else f'"{shown[:_SHOWN_CHARACTERS]}…"'


def isolated(text: str) -> str:
    """Return a text that somebody wrote so that it cannot turn the direction of what stands around it."""
    if all(unicodedata.bidirectional(character) not in _TURNING for character in text):
        return text
    return f"\u2068{text}\u2069"


def format_number(number: float) -> str:
    """Return the number with thousands separators, without `.0`, and otherwise with every digit."""
    compact = compact_number(number)
    return f"{compact:,}" if math.isfinite(compact) else str(compact)


def compact_number(number: float) -> int | float:
    """Return a whole number as an `int` if that is exact, any other number as it is."""
    if abs(number) < _EXACT_INTEGERS and float(number).is_integer():
        return int(number)
    return number


def percent_words(share: float) -> str:
    """Return a share as people say it, as in `50 %` for 0.5 or `12.5 %`."""
    return f"{format_number(round(100 * share, 2))}\u00a0%"


def age_words(age: timedelta) -> str:
    """Return a duration in the largest of hours, minutes and seconds of which it has two, or in days.

    Days count from a week on, since limits are set and read in hours.
    """
    seconds = age.total_seconds()
    if seconds >= _WEEK:
        return f"{seconds / _DAY:,.0f} days"
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} {'second' if round(seconds) == 1 else 'seconds'}"


def join_words(words: Sequence[str], conjunction: str) -> str:
    """Join words as people do: `a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def advice(name: str, valid: Iterable[str]) -> str:
    """Say what to use in place of an unknown name, as the end of a sentence with its full stop.

    Names the nearest valid one, and all of them unless they are too many.
    """
    choices = list(valid)
    if not choices:
        return "there is none to choose from yet."
    near = _nearest(name, choices)
    guess = f"did you mean {quoted(near)}?" if near else ""
    if len(choices) > (_FEW_CHOICES if near else _MANY_CHOICES):
        return guess or "choose one that exists."
    everything = f"use {join_words([quoted(choice) for choice in choices], 'or')}"
    return f"{everything} ({guess})." if guess and len(choices) > 1 else f"{everything}."


def _nearest(name: str, choices: list[str]) -> str | None:
    if len(name) < 3:  # as near to ">" as to ">=", so a guess would mislead
        return None
    by_folded = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(name[:100].casefold().strip(), by_folded, n=1)
    return by_folded[found[0]] if found else None


def storage_obstacle(text: str) -> str | None:
    """Return what keeps the text from being stored in a UTF-8 database, `None` if nothing does."""
    if "\0" in text:
        return "a NUL character"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "half of a surrogate pair, which UTF-8 cannot hold"
    return None
