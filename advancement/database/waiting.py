"""How long to wait before what failed is tried again."""

from datetime import timedelta
from typing import Final

_FIRST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(hours=1)


def waiting_time(attempts: int) -> timedelta:
    """Return how long what failed so many times is left alone: 1 minute, doubled up to 1 hour."""
    doublings = min(max(attempts - 1, 0), 10)
    return min(_FIRST * (1 << doublings), _LONGEST)
