"""Lists with a filter set, which a search leads to by the words for what they then show."""

from typing import Final

from advancement.models.events import EventKind
from advancement.models.outbox import OutboxStatus
from advancement.models.runs import RunStatus
from advancement.views.destinations import Destination

_ALSO: Final[dict[RunStatus, tuple[str, ...]]] = {
    RunStatus.HELD: ("decide", "guardrail"),
    RunStatus.FAILED: ("errors",),
    RunStatus.SUCCEEDED: ("done",),
    RunStatus.CANCELLED: ("canceled", "superseded"),
}


def _runs(label: str, name: str, value: str, *words: str) -> Destination:
    return Destination("console:runs", "runs", label, "Runs, filtered", "", (name, value), words)


def _rules(label: str, state: str, *words: str) -> Destination:
    return Destination("console:rules", "rules", label, "Rules, filtered", "", ("state", state), words)


def _events(label: str, kind: str, *words: str) -> Destination:
    return Destination("console:events", "events", label, "Events, filtered", "", ("type", kind), words)


def _notifications(label: str, status: str, *words: str) -> Destination:
    return Destination(
        "console:notifications", "health", label, "Notifications, filtered", "", ("status", status), words
    )


FILTERED_LISTS: Final = (
    *(
        _runs(f"{status.label} runs", "status", status, status.value, *_ALSO.get(status, ()))
        for status in RunStatus
    ),
    _runs("Dry runs", "what", "dry", "dry"),
    _runs("Nightly runs", "trigger", "schedule", "nightly", "scheduled", "daily"),
    _runs("Rollbacks", "kind", "rollback", "rollbacks", "rolled back", "rolled"),
    _runs("Overrides", "kind", "override", "overrides"),
    _rules("Rules that are on", "on", "on", "enabled", "active"),
    _rules("Rules that are off", "off", "off", "disabled"),
    _rules("Rules with a draft", "draft", "drafts", "waiting"),
    _rules("Rules that are invalid", "invalid", "invalid"),
    _rules("Archived rules", "archived", "archived"),
    Destination(
        "console:sprouts",
        "sprouts",
        "Sprouts on hold",
        "Sprouts, filtered",
        "",
        ("held", "on"),
        ("hold", "held"),
    ),
    _events("Events of rules", EventKind.AUTOMATIC, "automatic", "advanced"),
    _events("Events of overrides", EventKind.OVERRIDE, "overrides", "manual"),
    _events("Events of rollbacks", EventKind.ROLLBACK, "rolled back", "rollbacks", "rolled"),
    _events("Events of undone rollbacks", EventKind.UNDO, "put back", "restored", "undone"),
    _notifications("Notifications given up", OutboxStatus.FAILED, "failed", "given up"),
    _notifications("Notifications that wait", OutboxStatus.PENDING, "pending", "waiting"),
)
