"""`python -m tests.faults`: inject faults on the PostgreSQL server of DATABASE_URL and judge what is left."""

import os
import sys

import django


def main() -> int:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "grove_console.settings",
        "GROVE_CONSOLE_READ_DOTENV": "0",
        "DEBUG": "1",
    }
    django.setup()

    from tests.faults.harness import main as harness

    return harness()


sys.exit(main())
