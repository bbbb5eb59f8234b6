"""The system's Chromium, and how it is started."""

import shutil
from typing import Any

# A browser that only does what the test says: it needs no sandbox, no GPU and nothing from outside.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def found() -> str | None:
    """Return the path of the first that is installed."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def launch_options() -> dict[str, Any]:
    """Return how Playwright starts it; raise LookupError when there is none."""
    path = found()
    if path is None:
        raise LookupError(
            "No Chromium was found: make setup-dev installs it (Debian: chromium fonts-noto-color-emoji)."
        )
    return {"executable_path": path, "args": FLAGS}
