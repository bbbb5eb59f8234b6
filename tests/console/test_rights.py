"""Who may do what, tried out: every address, with every method that it takes, by everybody."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import models, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse
from django_q.models import Failure, OrmQ, Schedule, Success, Task
from django_q.tasks import async_task
from pytest_django import Settings

from advancement.importing.uploads import receive
from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    Hold,
    LeftOut,
    LifecycleModel,
    OutboxMessage,
    RuleVersion,
    Run,
    SignalAggregation,
    SignalRefresh,
    Sprout,
    Tier,
    Upload,
    UploadPart,
    UsageEvent,
)
from advancement.models.runs import RunTrigger
from advancement.rights import ROLES
from advancement.rollback.scope import RollbackRequest
from advancement.rulebook.drafts import save_draft
from advancement.rulebook.saving import save_rules
from advancement.rulebook.switching import archive_rule
from advancement.runs.start import RunRequest, start_rollback, start_run
from advancement.runs.work import work_on
from tests.console.addresses import (
    ANYBODY,
    APPROVER,
    APPROVERS,
    CONSOLE,
    EDITOR,
    LOOKING,
    NOBODY,
    OPERATOR,
    OPERATORS,
    ROOT,
    ROOTS,
    STAFF,
    STRANGER,
    VIEWER,
    Call,
    Methods,
)
from tests.criteria.cast import make_rule
from tests.factories import add_model, add_rule, finished_run, make_sprout
from tests.notifications.conftest import make_message

pytestmark = pytest.mark.django_db

ROLE_OF = {VIEWER: "Viewer", EDITOR: "Rule editor", OPERATOR: "Operator", APPROVER: "Approver"}

NOW = datetime(2026, 3, 6, tzinfo=UTC)


def _person() -> list[Any]:
    return [User.objects.get(username="somebody").pk]


PASSWORDS = {"password1": "a-long-enough-one", "password2": "a-long-enough-one"}
RECORDS: dict[str, Methods] = {
    "admin:index": {"GET": Call(STAFF)},
    "admin:login": {"GET": Call(ANYBODY), "POST": Call(ANYBODY)},
    "admin:logout": {"POST": Call(ANYBODY)},
    "admin:password_change": {"GET": Call(STAFF), "POST": Call(STAFF)},
    "admin:password_change_done": {"GET": Call(STAFF)},
    "admin:jsi18n": {"GET": Call(STAFF)},
    # Nothing registers for these two, so whoever comes past the sign-in gets nothing there.
    "admin:autocomplete": {"GET": Call(NOBODY)},
    "admin:view_on_site": {"GET": Call(NOBODY, lambda: [1, 1])},
    "admin:app_list": {"GET": Call(LOOKING, lambda: ["advancement"])},
    "admin:auth_user_password_change": {
        "GET": Call(ROOTS, _person),
        "POST": Call(ROOTS, _person, PASSWORDS | {"set-password": "1"}),
    },
}


def _name(model: type[models.Model], page: str) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


def _first(model: type[models.Model]) -> Callable[[], list[Any]]:
    return lambda: [model._default_manager.order_by("pk")[:1].get().pk]


# Facts: whoever may look at them may not touch them, and neither may anybody else.
FACTS = [
    *(AdvancementEvent, AdvancementRule, Hold, LeftOut, OutboxMessage, RuleVersion, Run, SignalAggregation),
    *(SignalRefresh, Sprout, UsageEvent, Failure, OrmQ, Schedule, Success),
]
for model in FACTS:
    RECORDS |= {
        _name(model, "changelist"): {"GET": Call(LOOKING), "POST": Call(LOOKING)},
        _name(model, "add"): {"GET": Call(NOBODY), "POST": Call(NOBODY)},
        _name(model, "change"): {"GET": Call(LOOKING, _first(model)), "POST": Call(NOBODY, _first(model))},
        _name(model, "delete"): {"GET": Call(NOBODY, _first(model)), "POST": Call(NOBODY, _first(model))},
        _name(model, "history"): {"GET": Call(LOOKING, _first(model))},
    }


def _tier() -> list[Any]:
    return [Tier.objects.get(slug="preprint").pk]


@dataclass(frozen=True)
class Edited:
    """A kind of record that is edited: by whom, which one, and forms that are valid."""

    look: set[str]
    add: set[str]
    change: set[str]
    delete: set[str]
    one: Callable[[], list[Any]]
    new: dict[str, Any]
    other: dict[str, Any]


MODEL = {"slug": "a-new-one", "label": "New"}
TIER = {"lifecycle_model": "botanical", "slug": "a-new-one", "label": "New", "position": "9"}
USER = {"username": "a-new-one", **PASSWORDS}
EDITED: dict[type[models.Model], Edited] = {
    LifecycleModel: Edited(LOOKING, APPROVERS, APPROVERS, ROOTS, lambda: ["bare"], MODEL, {"label": "Other"}),
    Tier: Edited(
        LOOKING,
        APPROVERS,
        APPROVERS,
        APPROVERS,
        _tier,
        TIER,
        {"label": "Other", "emoji": "", "position": "9"},
    ),
    User: Edited(ROOTS, ROOTS, ROOTS, ROOTS, _person, USER, {"username": "somebody-else"}),
    Group: Edited(ROOTS, ROOTS, ROOTS, ROOTS, _first(Group), {"name": "a-new-one"}, {"name": "Other"}),
}
for kind, edited in EDITED.items():
    one = edited.one
    RECORDS |= {
        _name(kind, "changelist"): {"GET": Call(edited.look), "POST": Call(edited.look)},
        _name(kind, "add"): {"GET": Call(edited.add), "POST": Call(edited.add, data=edited.new)},
        _name(kind, "change"): {
            "GET": Call(edited.look, one),
            "POST": Call(edited.change, one, edited.other),
        },
        _name(kind, "delete"): {
            "GET": Call(edited.delete, one),
            "POST": Call(edited.delete, one, {"post": "yes"}),
        },
        _name(kind, "history"): {"GET": Call(edited.look, one)},
    }

TABLE = CONSOLE | RECORDS


@pytest.fixture
def grove(settings: Settings) -> None:
    """A row of everything, and somebody of each kind who signs in."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.ADVANCEMENT_APPROVE_OWN = True
    add_rule("citations >= 3")
    save_rules([make_rule("views >= 9", slug="an-old-rule", enabled=False)], by="tests")
    archive_rule("an-old-rule", by="operator")
    save_draft(make_rule("views >= 8", slug="a-draft"), by="tests")
    sprout = make_sprout(signals={"citations": 7})
    run = finished_run()
    make_sprout(signals={"citations": 7})
    finished_run(dry_run=True)
    for status in ("held", "failed"):
        Run.objects.filter(pk=finished_run(dry_run=True).pk).update(status=status, dry_run=False)
    start_run(RunRequest(), trigger=RunTrigger.CONSOLE, leased=False)
    taken_back = RollbackRequest(reason="", requested_by="root", run=run.pk, dry_run=True)
    rollback = start_rollback(taken_back, trigger=RunTrigger.CONSOLE)
    work_on(rollback.pk, rollback.lease_token)
    upload = receive("sprouts", "sprouts.csv", [b"id,title"], by="root")
    UploadPart.objects.create(upload=upload, content="rejected", number=0, data=b"no-id,Oak")
    figures = dict.fromkeys(("read", "inserted", "updated", "unchanged", "repeated"), 1)
    Upload.objects.update(status="checked", outcome=figures)
    LeftOut.objects.create(run=run, sprout_id=sprout.pk, bucket="held", reason="on hold")
    UsageEvent.objects.create(
        id="an-event", sprout=sprout, event_type="sprout_viewed", created_at=NOW, session_id="s"
    )
    Hold.objects.create(sprout=sprout, reason="wait", set_at=NOW, set_by="root")
    make_message()
    add_model("academic", "draft", "preprint")
    add_model("bare")
    for number, success in ((1, True), (2, False)):
        Task.objects.create(id=str(number), name="t", func="f", started=NOW, stopped=NOW, success=success)
    async_task("advancement.tasks.tick")
    User.objects.create_user("somebody")


@pytest.fixture
def people(grove: None) -> dict[str, Client]:
    """Browsers in which everybody is signed in."""
    found = {STRANGER: Client()}
    for name in STAFF:
        person = User.objects.create_user(name, is_staff=True, is_superuser=name == ROOT)
        if name in ROLE_OF:
            person.groups.add(Group.objects.get(name=ROLE_OF[name]))
        found[name] = Client()
        found[name].force_login(person)
    return found


def test_an_address_serves_whom_the_table_says_and_nobody_else(people: dict[str, Client]) -> None:
    wrong = {}
    for name, methods in TABLE.items():
        for method, call in methods.items():
            address = reverse(name, args=call.keys())
            served = {who for who in people if _served(people[who], method, address, call.data)}
            if served != call.who:
                wrong[f"{method} {name}"] = {"served": served, "by the table": call.who}
    assert wrong == {}


def test_a_method_that_an_address_does_not_take_is_refused_to_everybody(people: dict[str, Client]) -> None:
    taken = {}
    for name, methods in _pages():
        address = reverse(name, args=next(iter(methods.values())).keys())
        for method in {"POST", "PUT", "PATCH", "DELETE"} - methods.keys():
            codes = {client.generic(method, address).status_code for client in people.values()}
            if codes != {405}:
                taken[f"{method} {name}"] = codes
    assert taken == {}


def test_whoever_opens_the_address_of_a_form_is_led_to_the_page_that_it_stands_on(
    people: dict[str, Client],
) -> None:
    pages = dict(_pages())
    for name, methods in pages.items():
        if "GET" in methods:
            continue
        address = reverse(name, args=next(iter(methods.values())).keys())
        (above,) = {client.get(address).headers["Location"] for client in people.values()}
        assert address.startswith(above)
        assert "GET" in pages[resolve(above).view_name], name


def test_who_is_not_signed_in_is_led_there_and_back(people: dict[str, Client]) -> None:
    for name, methods in _pages():
        for method, call in methods.items():
            address = reverse(name, args=call.keys())
            answer = people[STRANGER].generic(method, address)
            back = address if method == "GET" else reverse("console:dashboard")
            assert answer.status_code == 302
            assert answer.headers["Location"] == f"{reverse('admin:login')}?next={back}"
            part = people[STRANGER].generic(method, address, headers={"HX-Request": "true"})
            if method == "POST":
                assert part.status_code == 401, "the form stands, with what was typed in it"
            else:
                assert part.headers["HX-Redirect"] == f"{reverse('admin:login')}?next=/"


def test_rows_are_deleted_from_their_list_by_those_alone_who_may(people: dict[str, Client]) -> None:
    for kind, edited in EDITED.items():
        assert {who for who, client in people.items() if _deletes(client, kind)} == edited.delete


def test_messages_are_tried_again_by_operators(people: dict[str, Client]) -> None:
    OutboxMessage.objects.update(status="failed", failed_at=NOW, attempts=12)
    data = {"action": "try_again_now", "_selected_action": _first(OutboxMessage)(), "index": "0"}
    address, due = reverse(_name(OutboxMessage, "changelist")), OutboxMessage.objects.filter(status="pending")
    again = {
        who
        for who, client in people.items()
        if _undone(lambda c=client: c.post(address, data) and due.exists())
    }
    assert again == OPERATORS


def test_the_table_knows_every_address_and_no_other() -> None:
    assert sorted(set(_names(get_resolver(), "")) - TABLE.keys()) == []
    assert sorted(TABLE.keys() - set(_names(get_resolver(), ""))) == []


def test_the_table_knows_every_kind_of_record() -> None:
    assert {*FACTS, *EDITED} == set(admin.site._registry)


def test_every_page_of_the_console_names_its_rights() -> None:
    patterns = next(p for p in get_resolver().url_patterns if getattr(p, "namespace", "") == "console")
    assert isinstance(patterns, URLResolver)
    assert [str(p.pattern) for p in patterns.url_patterns if not hasattr(p.callback, "rights")] == []


# What roles may do in the records, beyond the rights of the console.
IN_RECORDS = {
    "Approver": {
        "advancement.add_lifecyclemodel",
        *("advancement.add_tier", "advancement.change_tier", "advancement.delete_tier"),
    },
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_rights_that_it_is_said_to_have(role: str) -> None:
    ours = Permission.objects.filter(content_type__app_label__in=["advancement", "django_q"])
    looking = {
        _right(right)
        for right in ours.filter(codename__startswith="view_")
        if right.content_type.model_class() in {*FACTS, LifecycleModel, Tier}
        or right.codename in {"view_rulecriterion", "view_seal"}
    }
    group = Group.objects.get(name=role)
    held = {_right(right) for right in group.permissions.select_related("content_type")}
    assert held == looking | set(ROLES[role]) | IN_RECORDS.get(role, set())


def test_rights_are_called_as_their_models_call_them() -> None:
    for model in (AdvancementRule, Run, Sprout):
        for codename, name in model._meta.permissions:
            assert Permission.objects.get(codename=codename).name == name


def _right(right: Permission) -> str:
    return f"{right.content_type.app_label}.{right.codename}"


def _pages() -> list[tuple[str, Methods]]:
    return [(name, methods) for name, methods in CONSOLE.items() if name.startswith("console:")]


def _served(client: Client, method: str, address: str, data: dict[str, Any]) -> bool:
    """Call an address, undo what came of it, and return whether whoever called it was let in."""
    cookies = client.cookies.copy()
    answer = _undone(lambda: client.get(address) if method == "GET" else client.post(address, data))
    client.cookies = cookies
    assert answer.status_code < 500
    return not _turned_away(answer)


def _deletes(client: Client, kind: Any) -> bool:
    (key,) = EDITED[kind].one()
    data = {"action": "delete_selected", "_selected_action": [str(key)], "post": "yes", "index": "0"}

    def delete() -> bool:
        client.post(reverse(_name(kind, "changelist")), data)
        return not kind._default_manager.filter(pk=key).exists()

    return bool(_undone(delete))


def _undone(act: Callable[[], Any]) -> Any:
    with transaction.atomic():
        came_of_it = act()
        transaction.set_rollback(True)
    return came_of_it


def _turned_away(answer: HttpResponse) -> bool:
    if answer.status_code in {403, 404, 405}:
        return True
    to_sign_in = answer.headers.get("Location", "").startswith(reverse("admin:login"))
    return answer.status_code == 302 and to_sign_in


def _names(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            space = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from _names(pattern, space)
        elif isinstance(pattern, URLPattern) and (pattern.name or prefix != "admin:"):
            yield f"{prefix}{pattern.name}"
