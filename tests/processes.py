"""Run manage.py and its like as an operator does: in a process of its own, with an environment of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
_OURS = ("ADVANCEMENT_", "DATABASE_", "NOTIFY_", "SECURE_", "Q_CLUSTER_")
_OUR_NAMES = {
    *("ALLOWED_HOSTS", "BEHIND_HTTPS_PROXY", "CONSOLE_URL", "CSRF_TRUSTED_ORIGINS"),
    *("DEBUG", "DEFAULT_FROM_EMAIL", "EMAIL_URL", "SECRET_KEY"),
}


def environment(**settings: str) -> dict[str, str]:
    """Return the environment with these settings and no others."""
    rest = {k: v for k, v in os.environ.items() if k not in _OUR_NAMES and not k.startswith(_OURS)}
    return rest | {"GROVE_CONSOLE_READ_DOTENV": "0", "PYTHONUNBUFFERED": "1"} | settings


def sqlite(folder: Path) -> str:
    """Return the address of an SQLite file in the folder."""
    return f"sqlite:///{folder / 'grove.sqlite3'}"


def run(command: list[str], settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def manage(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py with these settings and no others."""
    return run([sys.executable, "manage.py", *arguments], settings)
