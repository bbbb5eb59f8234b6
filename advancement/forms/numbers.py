"""Numbers as people type them."""

import math
import re
from typing import Final

from advancement.criteria.wording import quoted

_PLAIN: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,6})?", re.ASCII | re.IGNORECASE)
# As the console writes them: 1,000 and 1 000; a comma anywhere else may be meant as a decimal point.
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}([, '])\d{3}(\1\d{3})*(\.\d*)?", re.ASCII)
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d*,\d+", re.ASCII)
_MOST_CHARACTERS: Final = 400
# Typographic signs for what the keyboard has.
_PLAIN_SIGNS: Final = str.maketrans(
    {"\u2212": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"}
)


class NotANumber(ValueError):
    """What was typed is no number; the sentence says what to type instead."""


def read_number(text: str) -> float:
    """Return the number that was typed; raise NotANumber when it is none, or ambiguous, or too large."""
    plain = text.translate(_PLAIN_SIGNS).strip()
    if not plain:
        raise NotANumber("Enter a number.")
    if len(plain) > _MOST_CHARACTERS:
        raise NotANumber("This number is too long.")
    if _GROUPED.fullmatch(plain):
        plain = re.sub(r"[, ']", "", plain)
    if _DECIMAL_COMMA.fullmatch(plain):
        raise NotANumber(
            f"{quoted(text)} has a comma: write decimals with a point, as in {_with_point(plain)}."
        )
    if not _PLAIN.fullmatch(plain):
        raise NotANumber(f"{quoted(text)} is not a number. Use digits and a point, as in 12 or 0.45.")
    number = float(plain)
    if not math.isfinite(number):
        raise NotANumber("This number is too large.")
    return number


def read_whole_number(text: str) -> int:
    """Return the whole number that was typed; raise NotANumber when it is none."""
    number = read_number(text)
    if not number.is_integer():
        raise NotANumber("Enter a whole number.")
    return int(number)


def _with_point(text: str) -> str:
    whole, _, fraction = text.partition(",")
    return f"{whole or '0'}.{fraction}"
