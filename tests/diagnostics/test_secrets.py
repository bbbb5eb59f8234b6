"""No secret of the settings is ever in a report."""

import json
import sys
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as present
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from advancement.diagnostics.secrets import SECRET_NAMES, secret_values
from advancement.models import Run
from advancement.models.runs import RunStatus
from tests.console.people import operator
from tests.factories import finished_run
from tests.processes import run

# Django refuses to have this one changed, and it names a table.
FIXED = {"AUTH_USER_MODEL"}


def secrets_by_name() -> list[str]:
    """Return the settings whose name says that they hold a secret, or may."""
    may_hold = [name for name in dir(present) if name.isupper() and SECRET_NAMES.search(name)]
    texts = [name for name in may_hold if isinstance(getattr(present, name), str) and name not in FIXED]
    return [*texts, "EMAIL_HOST_USER"]


def printed(*arguments: str) -> str:
    said = StringIO()
    call_command("diagnose", *arguments, stdout=said)
    return said.getvalue()


def test_every_setting_that_may_be_a_secret_is_looked_at() -> None:
    assert {"SECRET_KEY", "NOTIFY_WEBHOOK_SECRET", "EMAIL_HOST_PASSWORD"} <= set(secrets_by_name())


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
@pytest.mark.django_db
def test_no_secret_of_the_settings_is_printed_or_shown(settings: Any) -> None:
    planted = {name: f"hunter2-{number}-{name.lower()}" for number, name in enumerate(secrets_by_name())}
    for name, value in planted.items():
        setattr(settings, name, value)
    settings.SECRET_KEY_FALLBACKS = ["hunter2-fallback"]
    settings.NOTIFY_WEBHOOK_URL = "https://hooks.example.org/services/hunter2-path?key=hunter2-query"
    settings.NOTIFY_EMAILS = ["hunter2@example.org"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    password = "hunter2-of-the-database"
    settings.DATABASES = {
        "default": present.DATABASES["default"] | {"HOST": "db.example.org", "PASSWORD": password}
    }
    # Somebody else's message may quote what it should not.
    failed = finished_run()
    Run.objects.filter(pk=failed.pk).update(status=RunStatus.FAILED, error=f"no entry for {password}")
    client = operator()
    pages = [client.get(reverse(f"console:{name}")).text for name in ("diagnostics", "diagnostics_text")]
    for text in (printed(), printed("--json"), *pages):
        assert "hunter2" not in text
        assert "db.example.org" in text
        assert "hooks.example.org" in text
        assert "no entry for" in text


@pytest.mark.django_db
def test_secrets_are_said_to_be_set_or_not(settings: Any) -> None:
    settings.NOTIFY_WEBHOOK_SECRET = ""
    said = json.loads(printed("--json"))["sections"]["Settings"]
    assert (said["SECRET_KEY"], said["NOTIFY_WEBHOOK_SECRET"]) == ("set", "not set")


def test_the_password_of_the_database_is_among_the_secrets() -> None:
    password = connection.settings_dict["PASSWORD"]
    assert not password or password in secret_values()


def test_a_database_that_is_away_is_told_without_its_password() -> None:
    secret = {
        "DATABASE_URL": "postgres://grove:hunter2-word@127.0.0.1:1/grove",
        "EMAIL_URL": "smtp+tls://hunter2-user:hunter2-word@mail.example.org:587",
        "SECRET_KEY": "hunter2-key",
    }
    asked = run([sys.executable, "manage.py", "diagnose"], secret)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "hunter2" not in asked.stdout
    assert "grove at 127.0.0.1:1, password set" in asked.stdout
    assert "smtp at mail.example.org:587, STARTTLS, user set, password set" in asked.stdout
    assert "Cannot be read" in asked.stdout
