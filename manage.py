#!/usr/bin/env python
"""Run Grove Console's administrative commands."""

import os
import sys


def main() -> None:
    """Load the settings, say in one sentence what is wrong with them, else run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "grove_console.settings")
    if _only_tells(sys.argv[1:]) and not os.environ.get("DEBUG", "").strip():
        os.environ["DEBUG"] = "1"  # Nothing is done, so no SECRET_KEY is needed.
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    from advancement.management.streams import replace_closed_streams

    replace_closed_streams()
    try:
        _ = settings.INSTALLED_APPS
    except ImproperlyConfigured as error:
        sys.exit(f"Grove Console cannot start: {error}")
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(130)


def _only_tells(arguments: list[str]) -> bool:
    """Whether this call prints help or the version, and does nothing else."""
    return arguments[:1] in (["help"], ["version"]) or not {"-h", "--help", "--version"}.isdisjoint(arguments)


def _run() -> None:
    """Run the command; where it cannot use the database, say so in one sentence."""
    from django.core.management import execute_from_command_line
    from django.db import InterfaceError, OperationalError, connection

    try:
        if sys.argv[1:2] == ["qcluster"]:
            # Each of its processes would end with a traceback of its own.
            connection.ensure_connection()
            connection.close()
        execute_from_command_line(sys.argv)
    except (OperationalError, InterfaceError) as error:
        if "--traceback" in sys.argv:
            raise
        from advancement.management.base import database_sentence

        sys.exit(database_sentence(error))


if __name__ == "__main__":
    main()
