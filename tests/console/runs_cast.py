"""People with the console's roles, and runs to look at."""

import re
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils.html import strip_tags

from advancement.models import Run
from advancement.models.runs import RunTrigger
from advancement.rights import APPROVER, OPERATOR, VIEWER
from advancement.runs.start import RunRequest, start_run

HTMX = {"HTTP_HX_REQUEST": "true"}


def sign_in(*roles: str, name: str = "ada") -> Client:
    """Return the client of somebody with these roles."""
    user = User.objects.filter(username=name).first() or User.objects.create_user(name, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=roles))
    client = Client()
    client.force_login(user)
    return client


def viewer() -> Client:
    """Return the client of somebody who may only look."""
    return sign_in(VIEWER, name="vera")


def operator() -> Client:
    """Return the client of an operator."""
    return sign_in(OPERATOR, name="otto")


def approver() -> Client:
    """Return the client of an approver."""
    return sign_in(APPROVER, name="anna")


def words(answer: Any) -> str:
    """Return what a page says, without its markup."""
    text = strip_tags(answer.text.replace("<", " <"))
    return re.sub(r"\s+([.,;:])", r"\1", re.sub(r"\s+", " ", text)).strip()


def waiting_run(**request: object) -> Run:
    """Return a run that waits for a worker."""
    return start_run(RunRequest(**request), trigger=RunTrigger.CONSOLE, leased=False)  # type: ignore[arg-type]
