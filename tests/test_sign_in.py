"""What `make console` says of signing in: the demo operator's password only while it is the known one."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from advancement.management.commands.console import _sign_in
from advancement.management.commands.demo import OPERATOR, PASSWORD, Command

pytestmark = pytest.mark.django_db

KNOWN = f"Sign in as {OPERATOR} with the password {PASSWORD}"
OWN = "Sign in with your own name and password."


@pytest.fixture
def operator(settings: Settings) -> User:
    """Let the demo add its operator."""
    settings.DEBUG = True
    Command()._prepare()
    return get_user_model().objects.get(username=OPERATOR)


def test_after_the_demo_it_names_the_operator_who_can_sign_in(operator: User, client: Client) -> None:
    assert _sign_in() == KNOWN
    assert client.login(username=OPERATOR, password=PASSWORD)


@pytest.mark.parametrize("wanted", ["", "/runs/"])
def test_signing_in_leads_to_where_somebody_wanted_to_go_else_to_the_dashboard(
    wanted: str, operator: User, client: Client
) -> None:
    address = f"/admin/login/?next={wanted}" if wanted else "/admin/login/"
    page = client.get(address)
    typed = {"username": OPERATOR, "password": PASSWORD, "next": page.context["next"]}
    assert client.post(address, typed)["Location"] == (wanted or "/")
    assert client.get(address)["Location"] == (wanted or "/")
    assert client.get("/admin/login/?next=//elsewhere.example/")["Location"] == "/"


def test_once_the_password_was_changed_it_no_longer_names_it(operator: User) -> None:
    operator.set_password("another one of theirs")
    operator.save()
    assert _sign_in() == OWN


def test_neither_does_it_when_the_operator_may_not_sign_in_or_outside_debug(
    operator: User, settings: Settings
) -> None:
    operator.is_active = False
    operator.save()
    assert _sign_in() == OWN
    operator.is_active = True
    operator.save()
    settings.DEBUG = False
    assert _sign_in() == OWN
