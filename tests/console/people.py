"""The people who use the console, each with a role."""

from django.contrib.auth.models import Group, User
from django.test import Client

from advancement.rights import APPROVER, OPERATOR, RULE_EDITOR, VIEWER


def person(role: str, name: str = "") -> User:
    """Return somebody with a role, who may sign in."""
    user = User.objects.create_user(name or role.lower().replace(" ", "-"), is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def signed_in(role: str, name: str = "") -> Client:
    """Return a browser in which somebody with a role is signed in."""
    client = Client()
    client.force_login(person(role, name))
    return client


def viewer() -> Client:
    return signed_in(VIEWER)


def editor() -> Client:
    return signed_in(RULE_EDITOR)


def operator() -> Client:
    return signed_in(OPERATOR)


def approver() -> Client:
    return signed_in(APPROVER)


def signed_in_superuser() -> Client:
    """Return a browser in which somebody is signed in who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client
