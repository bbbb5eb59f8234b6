"""Read settings from the environment and say which variable is wrong, and how to mend it."""

import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

import environ
from croniter import CroniterError, croniter
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

T = TypeVar("T")

_DURATION = re.compile(r"(?P<amount>\d{1,6})\s*(?P<unit>[smhd]?)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "": "hours"}
_LONGEST_LEASE = timedelta(days=1)
# PostgreSQL's; it cuts off the rest of a longer name.
_LONGEST_DATABASE_NAME = 63
# What every cron knows: numbers, names of months and days, lists, ranges and steps.
_CRON_ITEM = r"(?:\*|(?:\d{1,2}|[a-z]{3})(?:-(?:\d{1,2}|[a-z]{3}))?)(?:/\d{1,2})?"
_CRON_FIELD = re.compile(rf"{_CRON_ITEM}(?:,{_CRON_ITEM})*", re.ASCII | re.IGNORECASE)
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
_ORIGIN = re.compile(r"https?://[^/\s]+")
_ENCODE = "write special characters of the password percent-encoded, such as %40 for @ and %2F for /."


def load(dotenv: Path) -> Mapping[str, str]:
    """Return the environment over the `.env` file; an empty value counts as unset."""
    values: dict[str, str] = {}
    if dotenv.is_file() and os.environ.get("GROVE_CONSOLE_READ_DOTENV") != "0":

        class Dotenv(environ.Env):  # type: ignore[misc]  # untyped
            # read_env is a class method that writes into this mapping; os.environ stays as it is.
            ENVIRON = values

        try:
            Dotenv.read_env(str(dotenv), encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ImproperlyConfigured(
                f"{dotenv.name} is not UTF-8 (byte {error.start + 1}); save it as UTF-8."
            ) from None
    values |= {name: value for name, value in os.environ.items() if value.strip()}
    return {name: value.strip() for name, value in values.items() if value.strip()}


def read(
    values: Mapping[str, str], name: str, parse: Callable[[str], T], default: T, *, secret: bool = False
) -> T:
    """Parse one variable; raise ImproperlyConfigured with a sentence that names it.

    The sentence shows the value as well, unless it is a secret.
    """
    if name not in values:
        return default
    try:
        return parse(values[name])
    except ValueError as error:
        shown = name if secret else f"{name}={_without_password(values[name])!r}"
        raise ImproperlyConfigured(f"{shown} is not usable: {error}") from None


def _without_password(text: str) -> str:
    """Return a value as messages may show it: of an address, no password."""
    text = re.sub(r"^([a-z0-9+]+:/*[^:@]*):.*@", r"\1:…@", text, flags=re.IGNORECASE)
    return re.sub(r"(password=)[^&]*", r"\1…", text, flags=re.IGNORECASE)


def boolean(text: str) -> bool:
    """Parse a switch."""
    lowered = text.lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError("write 1 or 0.")


def names(text: str) -> list[str]:
    """Parse a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def tiers(text: str) -> list[str]:
    """Parse a comma-separated list of tier slugs."""
    found = names(text)
    for slug in found:
        if not _SLUG.fullmatch(slug):
            raise ValueError(
                f"{slug!r} is not a tier slug; write slugs separated by commas, as in sprout,sapling."
            )
    if not found:
        raise ValueError("name at least one tier, as in sprout.")
    return found


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` to `high`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"write a whole number from {low} to {high}.")
        return int(text)

    return parse


def optional_limit(text: str) -> int | None:
    """Parse a whole number of at least 1, or `unlimited`."""
    return None if text.lower() == "unlimited" else whole_number(1, 10**9)(text)


def share(text: str) -> float:
    """Parse a share above 0 and up to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise ValueError("write a number above 0 and up to 1, as in 0.5; 1 switches the guardrail off.")
    return value


def duration(text: str) -> timedelta:
    """Parse `48h`, `30m` or `2d`; a bare number is hours, 0 is no duration."""
    match = _DURATION.fullmatch(text.lower())
    if not match:
        raise ValueError("write a number and a unit, as in 48h, 90m or 2d; 0 switches it off.")
    return timedelta(**{_UNITS[match["unit"]]: int(match["amount"])})


def lease(text: str) -> timedelta:
    """Parse a duration of at least a second."""
    try:
        value = duration(text)
    except ValueError:
        value = timedelta(0)
    if not value:
        raise ValueError("write how long a worker may be silent, at least 1s, as in 90s or 2m.")
    if value > _LONGEST_LEASE:
        raise ValueError("a worker that died would be waited for too long; write at most 1d.")
    return value


def daily_cron(text: str) -> str | None:
    """Parse a cron expression that fires at most once a UTC day, or `off` (None)."""
    if text.lower() == "off":
        return None
    fields = text.split()
    if len(fields) != 5 or not all(map(_CRON_FIELD.fullmatch, fields)) or not croniter.is_valid(text):
        raise ValueError("write five cron fields in UTC, as in 0 2 * * *, or off.")
    try:
        croniter(text).get_next()
    except CroniterError:
        raise ValueError("it never fires; name a day that exists.") from None
    minutes, hours = croniter.expand(text)[0][:2]
    if any(len(field) != 1 or field[0] == "*" for field in (minutes, hours)):
        raise ValueError(
            "it would fire more than once a UTC day; name one minute and one hour, as in 0 2 * * *."
        )
    return text


def origins(text: str) -> list[str]:
    """Parse a comma-separated list of origins, each with its scheme."""
    found = names(text)
    for origin in found:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r} is not an origin; write scheme and host, as in https://console.example.org."
            )
    return found


def database(text: str) -> dict[str, Any]:
    """Parse a database address: postgres://… or sqlite:////…"""
    scheme, _, rest = text.partition("://")
    if scheme not in {"postgres", "postgresql", "sqlite"}:
        raise ValueError("write postgres://user:password@host:5432/name or sqlite:////path/to/file.")
    try:
        config: dict[str, Any] = dict(environ.Env.db_url_config(text))
    except Exception:  # its message may quote a part of the password
        raise ValueError(f"it is not a database address; {_ENCODE}") from None
    if not config.get("NAME"):
        raise ValueError(f"it names no database; end it with /name, and {_ENCODE}")
    if scheme == "sqlite":
        _check_sqlite(config)
    elif "@" in rest.partition("/")[2].partition("?")[0]:
        raise ValueError(f"there is an @ in the name of its database; {_ENCODE}")
    elif len(str(config["NAME"]).encode()) > _LONGEST_DATABASE_NAME:
        raise ValueError(f"its database name is too long; PostgreSQL takes {_LONGEST_DATABASE_NAME} bytes.")
    return config


def sender(text: str) -> str:
    """Parse an e-mail address that may have a name: `Grove <grove@example.org>`."""
    return _mail_address(text, parseaddr(text)[1], "as in grove@example.org or Grove <grove@example.org>.")


def mail_addresses(text: str) -> list[str]:
    """Parse a comma-separated list of e-mail addresses, each kept once."""
    found = [_mail_address(part, part, "separated by commas.") for part in names(text)]
    if not found:
        raise ValueError("name at least one e-mail address.")
    return list(dict.fromkeys(found))


def _mail_address(text: str, address: str, form: str) -> str:
    try:
        validate_email(address if text.isprintable() else "")
    except ValidationError:
        raise ValueError(f"{text!r} is not an e-mail address; write such, {form}") from None
    return text


def mail_server(text: str) -> dict[str, Any]:
    """Parse the address of a mail server: smtp://…, smtp+tls://… (STARTTLS) or smtp+ssl://…"""
    try:
        config: dict[str, Any] = dict(environ.Env.email_url_config(text))
    except Exception:  # its messages show the address, which holds a password
        raise ValueError("write smtp+tls://user:password@host:587, or smtp:// or smtp+ssl://.") from None
    if text.startswith("smtp") and not config["EMAIL_HOST"]:
        raise ValueError("it names no host; write smtp+tls://user:password@host:587.")
    usual = 465 if config.get("EMAIL_USE_SSL") else 587 if config.get("EMAIL_USE_TLS") else 25
    return config | {"EMAIL_PORT": config["EMAIL_PORT"] or usual}


def base_address(text: str) -> str:
    """Parse the address under which people reach the console; return it without a slash at its end."""
    parts = _web_address(text, "https://console.example.org")
    if parts.query:
        raise ValueError("it must end before any ?, as in https://console.example.org.")
    return text.rstrip("/")


def webhook_address(text: str) -> str:
    """Parse the address of a receiver of webhooks."""
    _web_address(text, "https://hooks.example.org/grove")
    return text


def _web_address(text: str, example: str) -> SplitResult:
    """Return the parts of an http(s) address without credentials or fragment."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and _is_host(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that is none, or of brackets that do not match
        usable = False
    if not usable or not text.isascii() or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError(f"write an http(s) address in ASCII, as in {example}.")
    if "@" in parts.netloc:
        raise ValueError("it must not hold a user or a password.")
    if "#" in text:
        raise ValueError("leave out what follows the #.")
    return parts


def _is_host(name: str | None) -> bool:
    return bool(name) and len(name or "") <= 253 and not re.search(r"\.\.|[^.]{64}", name or "")


def _check_sqlite(config: dict[str, Any]) -> None:
    if config.get("OPTIONS"):
        raise ValueError("an SQLite address takes no options; leave out what follows the ?.")
    if not Path(config["NAME"]).is_absolute():
        raise ValueError(
            "its path would depend on the folder that a command is called in; "
            "write the whole path after three slashes, which makes four, as in sqlite:////srv/grove.sqlite3."
        )
