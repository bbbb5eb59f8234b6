"""`python -m tests.bench`: plan and apply against the floor, on PostgreSQL (DATABASE_URL) and SQLite.

Every round measures the floor and each batch size in turn, each on a fresh copy of the same database;
the ratio is taken within the round and the median of the rounds is printed, since machines are noisy.
`python -m tests.bench ledger` measures sealing and verifying, `python -m tests.bench preview` the live
preview of a rule.
"""

import os
import subprocess
import sys

import django


def main() -> None:
    os.environ["DEBUG"] = "1"
    os.environ["DJANGO_SETTINGS_MODULE"] = "grove_console.settings"
    os.environ["GROVE_CONSOLE_READ_DOTENV"] = "0"
    os.environ["ADVANCEMENT_MAX_SHARE"] = "1"
    if os.environ.get("DATABASE_URL"):
        on_sqlite = os.environ | {"DATABASE_URL": ""}
        subprocess.run([sys.executable, "-m", "tests.bench", *sys.argv[1:]], env=on_sqlite, check=True)
    django.setup()

    if sys.argv[1:2] == ["ledger"]:
        from tests.bench.ledger import main as measure

        del sys.argv[1]
    elif sys.argv[1:2] == ["preview"]:
        from tests.bench.preview import main as measure

        del sys.argv[1]
    else:
        from tests.bench.measure import main as measure
    measure()


main()
