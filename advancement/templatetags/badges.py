"""Icons and badges: what stands where, as a picture, a word and a colour."""

from collections.abc import Mapping

from django import template
from django.templatetags.static import static
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from advancement.models import AdvancementEvent, OutboxMessage, Run
from advancement.models.events import EventKind
from advancement.models.outbox import OutboxStatus
from advancement.models.runs import RunStatus
from advancement.rollback.reversals import NEVER_REVERSED, Fate, takes_back

register = template.Library()


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Return an icon of icons.svg; it is decoration, so a word always stands beside it."""
    classes = f"icon {css}".rstrip()
    address = static("console/icons.svg")
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>', classes, address, name)


@register.simple_tag
def badge(text: str, icon_name: str = "", kind: str = "") -> SafeString:
    """Return a badge; `kind` is ok, warn, danger, info or empty."""
    return format_html(
        '<span class="badge{}">{}{}</span>',
        f" badge-{kind}" if kind else "",
        icon(icon_name) if icon_name else "",
        conditional_escape(text),
    )


_EVENTS: dict[EventKind, tuple[str, str]] = {
    EventKind.AUTOMATIC: ("up", ""),
    EventKind.OVERRIDE: ("user", "info"),
    EventKind.ROLLBACK: ("undo", "warn"),
    EventKind.UNDO: ("undo", "warn"),
}


@register.simple_tag
def event_badge(event: AdvancementEvent) -> SafeString:
    """Return the kind of an event."""
    return badge(event.kind.label, *_EVENTS[event.kind])


@register.simple_tag
def fate_badge(event: AdvancementEvent, fates: Mapping[int, Fate]) -> SafeString:
    """Return how an event is now, when it was ever taken back; `fates` are those of the events around it."""
    fate = fates.get(event.pk, NEVER_REVERSED)
    if takes_back(event):
        return badge("Undone", "undo") if fate.taken_back else mark_safe("")
    if fate.restored:
        return badge("Restored", "check", "ok")
    return badge("ROLLED BACK", "undo", "warn") if fate.taken_back else mark_safe("")


_BADGES: dict[str, tuple[str, str, str]] = {
    RunStatus.PLANNING: ("info", "clock", "Planning"),
    RunStatus.PLANNED: ("info", "info", "Planned"),
    RunStatus.HELD: ("warn", "pause", "Held"),
    RunStatus.APPROVED: ("info", "clock", "Approved"),
    RunStatus.APPLYING: ("info", "runs", "Applying"),
    RunStatus.SUCCEEDED: ("ok", "check", "Succeeded"),
    RunStatus.FAILED: ("danger", "x", "Failed"),
    RunStatus.DISCARDED: ("", "minus", "Discarded"),
    RunStatus.CANCELLED: ("", "ban", "Cancelled"),
}


@register.simple_tag
def run_badge(run: Run) -> SafeString:
    """Return a run's status as icon, word and colour."""
    kind, name, word = _BADGES[run.status]
    if run.status == RunStatus.PLANNED and run.dry_run:
        word = "Dry run"
    return badge(word, name, kind)


_MESSAGE_BADGES: dict[str, tuple[str, str, str]] = {
    OutboxStatus.PENDING: ("Waiting", "clock", "info"),
    OutboxStatus.SENT: ("Sent", "check", "ok"),
    OutboxStatus.FAILED: ("Given up", "x", "danger"),
}


@register.simple_tag
def message_badge(message: OutboxMessage) -> SafeString:
    """Return where a notification stands as icon, word and colour."""
    return badge(*_MESSAGE_BADGES[message.status])
