"""What people see instead of a page, outside DEBUG: a sentence in the console's look, never a traceback."""

import logging
import sqlite3
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from advancement.criteria.errors import AdvancementError
from advancement.rights import VIEWER

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def outside_debug(settings: Settings) -> None:
    settings.DEBUG = False


@pytest.fixture
def viewer(client: Client) -> Client:
    person = User.objects.create_user("vera", is_staff=True)
    person.groups.add(Group.objects.get(name=VIEWER))
    client.force_login(person)
    return client


@pytest.mark.parametrize("debug", [False, True])
def test_an_address_without_a_page_says_so_within_the_console(
    debug: bool, viewer: Client, settings: Settings
) -> None:
    settings.DEBUG = debug
    assert "There is no sprout" in viewer.get(reverse("console:sprout", args=[UUID(int=7)])).text
    page = viewer.get("/no-such-page/")
    assert page.status_code == 404
    assert "Not found" in page.text
    assert "There is nothing at this address." in page.text
    assert "Health" in page.text


def test_a_record_that_does_not_exist_is_told_within_the_console(viewer: Client) -> None:
    page = viewer.get(reverse("admin:advancement_run_change", args=(77,)), follow=True)
    assert "doesn’t exist. Perhaps it was deleted?" in page.text


def test_who_may_not_do_something_is_told_what_and_who_may(viewer: Client) -> None:
    page = viewer.get(reverse("console:new_rule"))
    assert page.status_code == 403
    assert "You may not write drafts of rules. The role Rule editor may" in page.text
    page = viewer.get(reverse("admin:auth_user_changelist"))
    assert page.status_code == 403
    assert "Your account lacks the right to this." in page.text


def test_of_a_part_of_a_page_only_the_sentence_is_sent(viewer: Client) -> None:
    part = viewer.get(reverse("console:new_rule"), headers={"HX-Request": "true"})
    assert part.status_code == 403
    assert "You may not write drafts of rules." in part.text
    assert "<html" not in part.text


@pytest.mark.parametrize("address", ["/health/?a=%00", "/admin/advancement/run/?%00=1"])
def test_an_address_with_nul_is_refused_with_a_sentence(address: str, viewer: Client) -> None:
    page = viewer.get(address)
    assert page.status_code == 400
    assert "A parameter contains a NUL character." in page.text
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_a_form_without_its_token_is_refused_with_what_to_do() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    page = client.post(reverse("admin:logout"))
    assert page.status_code == 403
    assert "This form has expired" in page.text
    assert "Nothing was done." in page.text
    assert "CSRF verification" not in page.text


def test_a_defect_is_answered_without_anything_that_may_be_broken(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a secret of the database")

    monkeypatch.setattr("advancement.views.health.next_slot", fail)
    viewer.raise_request_exception = False
    page = viewer.get(reverse("console:health"))
    assert page.status_code == 500
    assert "Something broke" in page.text
    assert "secret" not in page.text
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_what_is_not_possible_any_more_is_a_sentence_also_where_a_page_did_not_foresee_it(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise AdvancementError("The run 7 has ended.")

    monkeypatch.setattr("advancement.views.health.next_slot", fail)
    page = viewer.get(reverse("console:health"))
    assert page.status_code == 409
    assert "The run 7 has ended. Nothing was changed." in page.text


def test_a_page_made_for_somebody_is_kept_out_of_shared_caches(viewer: Client) -> None:
    for name in ("console:dashboard", "console:events", "console:diagnostics", "console:search"):
        assert set(viewer.get(reverse(name))["Cache-Control"].split(", ")) == {"private", "no-cache"}, name


def test_nul_is_refused_without_a_traceback_in_the_log(
    viewer: Client, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("django").addHandler(caplog.handler)
    try:
        assert viewer.get("/sprouts/?q=%00").status_code == 400
    finally:
        logging.getLogger("django").removeHandler(caplog.handler)
    assert caplog.records
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_BUSY, "What you asked for was not done, and nothing was changed."),
        (sqlite3.SQLITE_CANTOPEN, "The console does not get an answer from its database."),
    ],
)
def test_a_database_that_fails_is_told_apart_from_a_defect(
    code: int, said: str, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        cause = sqlite3.OperationalError("a secret of the database")
        cause.sqlite_errorcode = code
        raise OperationalError(str(cause)) from cause

    monkeypatch.setattr("advancement.views.health.next_slot", fail)
    page = viewer.get(reverse("console:health"))
    assert page.status_code == 503
    assert page["Retry-After"] == "10"
    assert said in page.text
    assert "secret" not in page.text


def test_a_refusal_is_one_line_of_the_log(viewer: Client, caplog: pytest.LogCaptureFixture) -> None:
    viewer.get(reverse("console:imports"))
    (record, *_) = [record for record in caplog.records if record.name == "django.request"]
    handler = logging.getLogger("django").handlers[0]
    assert handler.filter(record)
    assert "Forbidden" in handler.format(record)
    assert "Traceback" not in handler.format(record)
