"""Which settings are secrets, so that none of them is ever shown."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

# Names of settings whose values nobody is to see, wherever in a setting they stand.
SECRET_NAMES: Final = re.compile(r"SECRET|PASS|TOKEN|SIGNATURE|(^|_)API|(^|_)KEYS?$", re.IGNORECASE)
# These hold one without being called so: names at a mail server are often keys, addresses may carry one.
_ALSO_SECRET: Final = ("EMAIL_HOST_USER", "NOTIFY_WEBHOOK_URL")
# What is shorter would blot out half of the words.
_SHORTEST: Final = 4
_BLOT: Final = "…"


def presence(value: object) -> str:
    """Return all that may be said about a secret."""
    return "set" if value else "not set"


def secret_values() -> set[str]:
    """Return the value of every secret in the settings."""
    found = set[str]()
    for name in dir(settings):
        if name.isupper():
            found.update(_secrets_in(name, getattr(settings, name)))
    return {value for value in found if len(value) >= _SHORTEST}


def without_secrets(text: str) -> str:
    """Blot out whatever secret stands in a text all the same, as in somebody else's message of an error."""
    for value in sorted(secret_values(), key=len, reverse=True):
        text = text.replace(value, _BLOT)
    return text


def _secrets_in(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets_in(str(key), inner)
    elif isinstance(value, str) and (name in _ALSO_SECRET or SECRET_NAMES.search(name)):
        yield value
        if name == "NOTIFY_WEBHOOK_URL":
            # The host alone may be named.
            address = urlsplit(value)
            yield from (address.path.lstrip("/"), address.query)
    elif isinstance(value, list | tuple):
        for inner in value:
            if isinstance(inner, Mapping) or SECRET_NAMES.search(name):
                yield from _secrets_in(name, inner)
