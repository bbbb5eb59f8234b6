"""The web entry point; it refuses to start half-configured."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

# Gunicorn starts a worker again and again, except after this code.
_BOOT_ERROR = 3

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "grove_console.settings")
try:
    if not settings.ALLOWED_HOSTS:
        raise ImproperlyConfigured(
            "ALLOWED_HOSTS is not set. Name the hosts that the console is reached by, "
            "separated by commas, as in console.example.org."
        )
except ImproperlyConfigured as error:
    sys.stderr.write(f"Grove Console cannot start: {error}\n")
    sys.exit(_BOOT_ERROR)

application = get_wsgi_application()
