"""Every address of the console, its methods, and who may use them; with arguments that exist."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from advancement.models import AdvancementEvent, OutboxMessage, Run, Sprout, Upload
from advancement.models.runs import RunKind, RunStatus

# Nobody in particular, somebody without a role, a person for each role, and who may do everything.
STRANGER, GUEST, VIEWER, EDITOR, OPERATOR, APPROVER, ROOT = EVERYBODY = (
    *("stranger", "guest", "viewer", "editor", "operator", "approver", "root"),
)

ANYBODY = {*EVERYBODY}
STAFF = ANYBODY - {STRANGER}
LOOKING = STAFF - {GUEST}
EDITORS = {EDITOR, ROOT}
OPERATORS = {OPERATOR, ROOT}
APPROVERS = {APPROVER, ROOT}
ROOTS = {ROOT}
NOBODY: set[str] = set()


@dataclass(frozen=True)
class Call:
    """A way to call an address: who may, where exactly, with what."""

    who: set[str]
    keys: Callable[[], list[Any]] = list
    data: dict[str, Any] = field(default_factory=dict)


Methods = dict[str, Call]


def _rule() -> list[Any]:
    return ["a-rule"]


def _run() -> list[Any]:
    return [Run.objects.filter(kind=RunKind.ADVANCEMENT, dry_run=False).latest().pk]


def _dry_run() -> list[Any]:
    return [Run.objects.filter(kind=RunKind.ADVANCEMENT, dry_run=True).latest().pk]


def _held() -> list[Any]:
    return [Run.objects.filter(status=RunStatus.HELD).latest().pk]


def _failed() -> list[Any]:
    return [Run.objects.filter(status=RunStatus.FAILED).latest().pk]


def _waiting() -> list[Any]:
    return [Run.objects.filter(status=RunStatus.PLANNING).latest().pk]


def _rollback() -> list[Any]:
    return [Run.objects.filter(kind=RunKind.ROLLBACK).latest().pk]


def _event() -> list[Any]:
    return [AdvancementEvent.objects.latest("pk").pk]


def _sprout() -> list[Any]:
    return [Sprout.objects.order_by("created_at", "pk")[0].pk]


def _upload() -> list[Any]:
    return [Upload.objects.latest("pk").pk]


def _message() -> list[Any]:
    return [OutboxMessage.objects.latest("pk").pk]


def looks(keys: Callable[[], list[Any]] = list) -> Methods:
    """A page that everybody with a role may look at."""
    return {"GET": Call(LOOKING, keys)}


def form(who: set[str], keys: Callable[[], list[Any]] = list, **data: Any) -> Methods:
    """A page with a form, for the same people."""
    return {"GET": Call(who, keys), "POST": Call(who, keys, data)}


def acts(who: set[str], keys: Callable[[], list[Any]] = list, **data: Any) -> Methods:
    """What is only done, from another page."""
    return {"POST": Call(who, keys, data)}


# What is not listed here of an address's methods is refused to everybody.
CONSOLE: dict[str, Methods] = {
    "sign_in": {"GET": Call(ANYBODY), "POST": Call(ANYBODY)},
    "healthz": {"GET": Call(ANYBODY)},
    "readyz": {"GET": Call(ANYBODY)},
    "badge_svg": {"GET": Call(ANYBODY, _sprout)},
    "badge_json": {"GET": Call(ANYBODY, _sprout)},
    "console:dashboard": {"GET": Call(STAFF)},
    "console:expect": acts(OPERATORS, rule="a-rule", day=f"{datetime.now(UTC):%Y-%m-%d}"),
    "console:search": {"GET": Call(STAFF)},
    "console:guide": {"GET": Call(STAFF)},
    "console:health": looks(),
    "console:check_ledger": acts(LOOKING),
    "console:signals": {"GET": Call(LOOKING), "POST": Call(OPERATORS)},
    "console:take_back_refresh": acts(OPERATORS),
    "console:resend": acts(OPERATORS),
    "console:try_channels": acts(OPERATORS),
    "console:notifications": looks(),
    "console:notification": looks(_message),
    "console:resend_one": acts(OPERATORS, _message),
    "console:diagnostics": {"GET": Call(OPERATORS)},
    "console:diagnostics_text": {"GET": Call(OPERATORS)},
    "console:imports": form(OPERATORS),
    "console:load_sample": form(OPERATORS),
    "console:import_sample": {"GET": Call(OPERATORS, lambda: ["sprouts"])},
    "console:upload": {"GET": Call(OPERATORS, _upload)},
    "console:upload_rejects": {"GET": Call(OPERATORS, lambda: [*_upload(), "rejected"])},
    "console:confirm_upload": acts(OPERATORS, _upload),
    "console:drop_upload": acts(OPERATORS, _upload),
    "console:take_back_upload": acts(OPERATORS, _upload),
    "console:start_upload_again": acts(OPERATORS, _upload),
    "console:lifecycles": looks(),
    "console:new_lifecycle": form(APPROVERS, label="Recipes", slug="recipes"),
    "console:edit_lifecycle": form(APPROVERS, lambda: ["botanical"], label="Botanical"),
    "console:load_example": acts(APPROVERS, example="creative"),
    "console:archive_lifecycle": form(APPROVERS, lambda: ["academic"]),
    "console:take_up_lifecycle": acts(APPROVERS, lambda: ["academic"]),
    "console:rules": looks(),
    "console:count_rules": acts(LOOKING),
    "console:export_rules": {"GET": Call(OPERATORS)},
    "console:import_rules": form(OPERATORS, text="[]"),
    # The rule is on, so switching it is switching it off.
    "console:switch_rule": {"GET": Call(OPERATORS, _rule), "POST": Call(OPERATORS, _rule)},
    "console:archive_rule": form(OPERATORS, _rule),
    "console:unarchive_rule": form(APPROVERS, lambda: ["an-old-rule"]),
    "console:new_rule": form(EDITORS),
    "console:preview_rule": form(LOOKING),
    "console:preview_details": form(LOOKING),
    "console:preview_chart": form(LOOKING),
    "console:rule": {"GET": Call(LOOKING, _rule), "POST": Call(EDITORS, _rule)},
    "console:activate_rule": form(APPROVERS, lambda: ["a-draft"]),
    "console:discard_draft": acts(EDITORS, lambda: ["a-draft"]),
    "console:restore_version": acts(EDITORS, lambda: ["a-rule", 1]),
    "console:runs": looks(),
    "console:start_run": form(OPERATORS),
    "console:run": looks(_run),
    "console:run_progress": looks(_run),
    "console:run_rules": looks(_run),
    "console:run_log": looks(_run),
    "console:left_out": looks(_run),
    "console:cancel_run": form(OPERATORS, _waiting),
    "console:resume_run": acts(OPERATORS, _failed),
    "console:drop_run": form(OPERATORS, _dry_run),
    "console:approve_run": form(APPROVERS, _held),
    "console:discard_run": form(APPROVERS, _held),
    "console:plan": looks(_dry_run),
    "console:plan_csv": {"GET": Call(OPERATORS, _dry_run)},
    "console:plan_changes": looks(_dry_run),
    "console:strike": acts(OPERATORS, _dry_run),
    "console:strike_held": acts(APPROVERS, _held),
    "console:apply_plan": form(OPERATORS, _dry_run),
    "console:rollback": form(OPERATORS),
    "console:review_rollback": {"GET": Call(LOOKING, _rollback), "POST": Call(OPERATORS, _rollback)},
    "console:events": looks(),
    "console:export_events": {"GET": Call(OPERATORS)},
    "console:event": looks(_event),
    "console:sprouts": looks(),
    "console:sprout": looks(_sprout),
    "console:override_sprout": acts(OPERATORS, _sprout, tier="tree", reason="So be it", days="30"),
    "console:hold_sprout": acts(OPERATORS, _sprout, reason="Wait", days="30"),
    "console:release_sprout": acts(OPERATORS, _sprout, reason="Go on"),
}
