"""Values in addresses and forms: the query of a list with its filters, whole numbers."""

from collections.abc import Mapping
from urllib.parse import urlencode


def query_of(values: Mapping[str, object]) -> str:
    """Return the query string of the values that are not empty, without its question mark."""
    return urlencode({name: value for name, value in values.items() if value not in (None, "")})


def whole_number(text: str | None) -> int | None:
    """Return the whole number that a part of an address or a form names; None for anything else."""
    if text and text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    return None
