"""Waiting for something to come about."""

import time
from collections.abc import Callable
from typing import Any


def wait_until(holds: Callable[[], Any], seconds: float = 30.0, every: float = 0.005) -> Any:
    """Wait until something holds, and return it; raise TimeoutError when it does not come about."""
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"in {seconds:.0f} s it did not come to what is waited for")
        time.sleep(every)
    return value
