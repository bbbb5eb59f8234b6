#!/usr/bin/env python
"""Run Grove Console's administrative commands."""

import os
import sys


def main() -> None:
    """Load the settings, say in one sentence what is wrong with them, else run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "grove_console.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from advancement.management.streams import replace_closed_streams

    replace_closed_streams()
    try:
        _ = settings.INSTALLED_APPS
    except ImproperlyConfigured as error:
        sys.exit(f"Grove Console cannot start: {error}")
    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
