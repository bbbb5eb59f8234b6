"""Every page that there is to see: its name in the addresses, and where it is with the grove's own data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from advancement.models import AdvancementEvent, LifecycleModel, OutboxMessage, Run, Sprout, Tier, Upload
from advancement.models.runs import RunKind, RunStatus


@dataclass(frozen=True)
class Place:
    """A page to look at: the view's name, and what is to be known to get there."""

    name: str
    find: Callable[[], str]
    case: str = ""
    who: str | None = "root"
    status: int = 200

    def __str__(self) -> str:
        return f"{self.name}-{self.case}" if self.case else self.name


def _at(name: str, *keys: Callable[[], Any], query: str = "", **others: Any) -> Place:
    return Place(name, lambda: reverse(name, args=[key() for key in keys]) + query, **others)


def _run(**wanted: Any) -> Callable[[], int]:
    return lambda: Run.objects.filter(**wanted).latest().pk


ADVANCED = _run(kind=RunKind.ADVANCEMENT, status=RunStatus.SUCCEEDED)
PLANNED = _run(kind=RunKind.ADVANCEMENT, status=RunStatus.PLANNED, moves_planned__gt=0)
HELD = _run(status=RunStatus.HELD)
FAILED = _run(status=RunStatus.FAILED)
WORKING = _run(status=RunStatus.PLANNING)
ROLLBACK = _run(kind=RunKind.ROLLBACK)
RULE, DRAFTED, ARCHIVED = "sprout-to-sapling-basic", "seed-to-sprout-cited", "tree-to-grove-landmark"


def _rule(slug: str) -> Callable[[], str]:
    return lambda: slug


def _event(**wanted: Any) -> Callable[[], int]:
    return lambda: AdvancementEvent.objects.filter(**wanted).latest("pk").pk


def _sprout(**wanted: Any) -> Callable[[], UUID]:
    return lambda: Sprout.objects.filter(**wanted).order_by("title")[0].pk


def _upload(status: str) -> Callable[[], int]:
    return lambda: Upload.objects.filter(status=status).latest("pk").pk


def _message() -> int:
    return OutboxMessage.objects.latest("pk").pk


CONSOLE = [
    _at("console:dashboard"),
    _at("console:dashboard", case="viewer", who="viewer"),
    _at("console:search", query="?q=docs"),
    _at("console:search", query="?q=no+such+thing", case="nothing"),
    _at("console:guide"),
    _at("console:health"),
    _at("console:notifications"),
    _at("console:notifications", case="nothing", query="?status=failed"),
    _at("console:notification", _message),
    _at("console:signals"),
    _at("console:diagnostics"),
    _at("console:imports"),
    _at("console:load_sample"),
    _at("console:upload", _upload("checked")),
    _at("console:upload", _upload("refused"), case="refused"),
    _at("console:lifecycles"),
    _at("console:new_lifecycle"),
    _at("console:edit_lifecycle", lambda: "botanical"),
    _at("console:archive_lifecycle", lambda: "botanical"),
    _at("console:rules"),
    _at("console:rules", case="viewer", who="viewer"),
    _at("console:rules", query="?state=draft", case="filtered"),
    _at("console:import_rules"),
    _at("console:switch_rule", _rule(RULE)),
    _at("console:archive_rule", _rule(RULE)),
    _at("console:unarchive_rule", _rule(ARCHIVED)),
    _at("console:new_rule"),
    _at("console:rule", _rule(RULE)),
    _at("console:rule", _rule(DRAFTED), case="draft"),
    _at("console:rule", _rule(ARCHIVED), case="archived"),
    _at("console:rule", _rule(RULE), case="viewer", who="viewer"),
    _at("console:activate_rule", _rule(DRAFTED)),
    _at("console:runs"),
    _at("console:runs", case="viewer", who="viewer"),
    _at("console:start_run"),
    _at("console:run", ADVANCED),
    _at("console:run", PLANNED, case="planned"),
    _at("console:run", HELD, case="held"),
    _at("console:run", FAILED, case="failed"),
    _at("console:run", WORKING, case="working"),
    _at("console:run", ADVANCED, case="viewer", who="viewer"),
    _at("console:cancel_run", WORKING),
    _at("console:drop_run", PLANNED),
    _at("console:approve_run", HELD),
    _at("console:discard_run", HELD),
    _at("console:left_out", PLANNED),
    _at("console:plan", PLANNED),
    _at("console:plan", HELD, case="held"),
    _at("console:plan", PLANNED, case="viewer", who="viewer"),
    _at("console:plan_changes", PLANNED),
    _at("console:apply_plan", PLANNED),
    _at("console:rollback"),
    _at("console:review_rollback", ROLLBACK),
    _at("console:review_rollback", ROLLBACK, case="viewer", who="viewer"),
    _at("console:events"),
    _at("console:events", case="nothing", query="?q=no+such+thing"),
    _at("console:event", _event(event_type="auto-advancement")),
    _at("console:event", _event(event_type="manual-override"), case="override"),
    _at("console:sprouts"),
    _at("console:sprouts", case="nothing", query="?q=no+such+thing"),
    _at("console:sprout", _sprout(tier="sapling")),
    _at("console:sprout", _sprout(holds__released_at__isnull=True, holds__isnull=False), case="held"),
    _at("console:sprout", _sprout(tier="seed"), case="viewer", who="viewer"),
    Place("console:dashboard", lambda: "/no-such-page/", case="404", status=404),
    Place("console:dashboard", lambda: "/broken/", case="500", status=500),
    Place("console:dashboard", lambda: "/health/?a=%00", case="400", status=400),
    _at("console:new_rule", case="403", who="viewer", status=403),
]


def _name(model: type[Model], page: str) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


def _row(model: type[Model]) -> Callable[[], Any]:
    return lambda: model._default_manager.order_by("pk")[:1].get().pk


def _tier() -> int:
    return Tier.objects.get(slug="preprint").pk


def _academic() -> str:
    return LifecycleModel.objects.get(slug="academic").pk


# What can be edited in the records, by the row to look at.
EDITED: dict[type[Model], Callable[[], Any]] = {
    LifecycleModel: _academic,
    Tier: _tier,
    Group: _row(Group),
    User: lambda: User.objects.get(username="editor").pk,
}


def _records() -> Iterator[Place]:
    for model in admin.site._registry:
        yield _at(_name(model, "changelist"))
        yield _at(_name(model, "change"), EDITED.get(model, _row(model)))
        if model in EDITED:
            yield _at(_name(model, "history"), EDITED[model])
            yield _at(_name(model, "add"))
            yield _at(_name(model, "delete"), EDITED[model])


ADMIN = [
    _at("admin:login", who=None),
    _at("admin:index"),
    _at("admin:index", case="viewer", who="viewer"),
    *(
        Place("admin:app_list", lambda app=app: reverse("admin:app_list", args=[app]), case=app)
        for app in ("advancement", "auth", "django_q")
    ),
    _at("admin:password_change"),
    _at("admin:password_change_done"),
    _at("admin:auth_user_password_change", EDITED[User]),
    *_records(),
    _at("admin:advancement_tier_delete", lambda: Tier.objects.get(slug="sapling").pk, case="in-use"),
    _at("admin:advancement_lifecyclemodel_delete", lambda: "botanical", case="in-use"),
    _at("admin:advancement_sprout_changelist", case="filtered", query="?tier=sapling&q=docs"),
    _at("admin:advancement_sprout_changelist", case="nothing", query="?q=no+such+thing"),
    _at("admin:advancement_sprout_changelist", case="viewer", who="viewer"),
    _at("admin:advancement_usageevent_changelist", case="last-page", query="?p=100"),
]

PLACES = [*CONSOLE, *ADMIN]

# Addresses that are no pages, and why.
_POST = "takes POST alone, from a page that is looked at"
_PART = "a part of a page that is looked at"
EXCUSED = {
    "healthz": "says ok to a supervisor",
    "readyz": "JSON for a supervisor",
    "badge_svg": "a picture",
    "badge_json": "JSON",
    "sign_in": "the page at the address of admin:login",
    "admin:logout": "takes POST alone; test_shell signs out",
    "admin:jsi18n": "a script",
    "admin:autocomplete": "JSON",
    "admin:view_on_site": "a redirect to a site that there is none of",
    **dict.fromkeys(
        (
            *("console:plan_csv", "console:export_rules", "console:export_events"),
            *("console:import_sample", "console:upload_rejects"),
        ),
        "a file",
    ),
    **dict.fromkeys(("console:run_log", "console:diagnostics_text"), "a text"),
    **dict.fromkeys(
        (
            *("console:preview_rule", "console:preview_details", "console:preview_chart"),
            *("console:run_progress", "console:run_rules"),
        ),
        _PART,
    ),
    **dict.fromkeys(
        (
            *("console:expect", "console:check_ledger", "console:resend", "console:resend_one"),
            "console:try_channels",
            *("console:confirm_upload", "console:drop_upload", "console:load_example"),
            *("console:take_back_upload", "console:start_upload_again", "console:take_back_refresh"),
            *("console:take_up_lifecycle", "console:count_rules", "console:discard_draft"),
            *("console:restore_version", "console:resume_run", "console:strike", "console:strike_held"),
            *("console:override_sprout", "console:hold_sprout", "console:release_sprout"),
        ),
        _POST,
    ),
}


def of_facts_alone() -> set[str]:
    """Return the addresses that lead nowhere for records that nobody edits: refused, or without a history."""
    facts = [model for model in admin.site._registry if model not in EDITED]
    return {_name(model, page) for model in facts for page in ("add", "delete", "history")}


def addresses() -> set[str]:
    """Return the names of all addresses; one without a name fails, but for the admin's own two."""
    return set(_names(get_resolver(), ""))


def _names(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            space = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from _names(pattern, space)
            continue
        assert isinstance(pattern, URLPattern)
        called = getattr(pattern.callback, "__name__", "")
        # The admin leads old addresses on and answers unknown ones with the 404 page.
        if pattern.name is None and called in {"RedirectView", "view", "catch_all_view", "wrapper"}:
            continue
        yield f"{prefix}{pattern.name}"
