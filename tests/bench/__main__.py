"""`python -m tests.bench`: plan and apply against the floor, on PostgreSQL (DATABASE_URL) and SQLite.

Every round measures the floor and each batch size in turn, each on a fresh copy of the same database;
the ratio is taken within the round and the median of the rounds is printed, since machines are noisy.
`python -m tests.bench ledger` measures sealing and verifying, `python -m tests.bench preview` the live
preview of a rule, `python -m tests.bench pages` the console's pages.
"""

import os
import subprocess
import sys
from importlib import import_module

import django

_OTHERS = ("ledger", "preview", "pages")


def main() -> None:
    os.environ["DEBUG"] = "1"
    os.environ["DJANGO_SETTINGS_MODULE"] = "grove_console.settings"
    os.environ["GROVE_CONSOLE_READ_DOTENV"] = "0"
    os.environ["ADVANCEMENT_MAX_SHARE"] = "1"
    if os.environ.get("DATABASE_URL"):
        on_sqlite = os.environ | {"DATABASE_URL": ""}
        subprocess.run([sys.executable, "-m", "tests.bench", *sys.argv[1:]], env=on_sqlite, check=True)
    django.setup()

    what = sys.argv.pop(1) if sys.argv[1:2] and sys.argv[1] in _OTHERS else "measure"
    import_module(f"tests.bench.{what}").main()


main()
