"""The settings that matter, by value where that is no secret."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from advancement.criteria.wording import age_words
from advancement.diagnostics.secrets import presence

_BY_VALUE = (
    *("DEBUG", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS"),
    *("ADVANCEMENT_FROM_TIERS", "ADVANCEMENT_BATCH_SIZE", "ADVANCEMENT_CRON", "ADVANCEMENT_MAX_SHARE"),
    *("ADVANCEMENT_MAX_MOVES", "ADVANCEMENT_MAX_SIGNAL_AGE", "ADVANCEMENT_APPROVE_OWN", "ADVANCEMENT_LEASE"),
    *("BADGES", "CONSOLE_URL", "NOTIFY_WEBHOOK_ALLOW_PRIVATE", "DATABASE_TRANSACTION_POOLER"),
)
_WHEN_NONE = {"ADVANCEMENT_CRON": "off", "ADVANCEMENT_MAX_MOVES": "unlimited"}


def shown_settings() -> Iterator[tuple[str, str]]:
    """Yield each setting by the name of its variable; a secret is only said to be set or not."""
    for name in _BY_VALUE:
        yield (
            name,
            _WHEN_NONE.get(name, "not set") if (value := getattr(settings, name)) is None else _said(value),
        )
    yield "SECRET_KEY", presence(settings.SECRET_KEY)
    yield "HTTPS_ONLY", _said(settings.SECURE_SSL_REDIRECT)
    yield "BEHIND_HTTPS_PROXY", _said(settings.SECURE_PROXY_SSL_HEADER is not None)
    yield "DATABASE_URL", _database(settings.DATABASES["default"])
    yield "NOTIFY_EMAILS", f"{len(settings.NOTIFY_EMAILS):,} set" if settings.NOTIFY_EMAILS else "not set"
    yield "EMAIL_URL", _mail_server()
    yield "NOTIFY_WEBHOOK_URL", _host_of(settings.NOTIFY_WEBHOOK_URL)
    yield "NOTIFY_WEBHOOK_SECRET", presence(settings.NOTIFY_WEBHOOK_SECRET)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, timedelta):
        return age_words(value) if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "not set"
    return str(value) or "not set"


def _database(config: dict[str, Any]) -> str:
    if not config.get("HOST"):
        return str(config["NAME"])
    port = f":{config['PORT']}" if config.get("PORT") else ""
    password = f"password {presence(config.get('PASSWORD'))}"
    options = ", ".join(sorted(config.get("OPTIONS") or {}))
    where = f"{config['NAME']} at {config['HOST']}{port}, {password}"
    return f"{where}, options {options}" if options else where


def _mail_server() -> str:
    backend = settings.EMAIL_BACKEND.rpartition("backends.")[2].removesuffix(".EmailBackend")
    if backend != "smtp":
        return str(backend)
    secured = "SSL" if settings.EMAIL_USE_SSL else "STARTTLS" if settings.EMAIL_USE_TLS else "not encrypted"
    user, password = presence(settings.EMAIL_HOST_USER), presence(settings.EMAIL_HOST_PASSWORD)
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    return f"smtp at {where}, {secured}, user {user}, password {password}"


def _host_of(address: str) -> str:
    return f"set, at {urlsplit(address).hostname}" if address else "not set"
