"""The console's settings as on a server, with one more address and static files of its own."""

from grove_console.settings import *  # noqa: F403

# Outside DEBUG, so that people see what they see on a server: its 404 and 500 pages among them.
assert DEBUG is False  # noqa: F405
STATIC_ROOT = BASE_DIR / ".cache" / "browser-static"  # noqa: F405
ROOT_URLCONF = "tests.browser.urls"
