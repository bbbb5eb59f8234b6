"""Tags and filters of the console's templates: icons, tiers, titles, times, figures, rules in words."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from advancement.criteria.rules import CriterionDefinition, Logic, RuleDefinition
from advancement.criteria.sentences import SYMBOLS, gap_words, period_words, signal_words, value_words
from advancement.criteria.signals import WINDOW_DAYS, Period
from advancement.criteria.wording import age_words, format_number, percent_words
from advancement.models import AdvancementEvent, OutboxMessage, Run, Tier
from advancement.models.events import AdvancementEventType
from advancement.models.outbox import OutboxStatus
from advancement.models.runs import RunStatus
from advancement.rollback.reversals import NEVER_REVERSED, Fate, takes_back

register = template.Library()

_NO_BREAK = "\u00a0"


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Return an icon of icons.svg; it is decoration, so a word always stands beside it."""
    classes = f"icon {css}".rstrip()
    address = static("console/icons.svg")
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>', classes, address, name)


@register.simple_tag(takes_context=True)
def tier(context: template.Context, model: str, slug: str) -> SafeString:
    """Return a tier's emoji and label; one that its model does not have is shown by its slug."""
    found = _tiers(context).get((model, slug))
    emoji, label = (found.emoji, found.label) if found else ("❔", slug)
    return format_html(
        '<span class="tier"><span class="tier-emoji" aria-hidden="true">{}</span>{}</span>', emoji, label
    )


@register.simple_tag(takes_context=True)
def tier_move(context: template.Context, model: str, from_tier: str, to_tier: str) -> SafeString:
    """Return a move from a tier to another."""
    return format_html(
        '<span class="tier-move">{}{}<span class="visually-hidden">to</span>{}</span>',
        tier(context, model, from_tier),
        icon("arrow"),
        tier(context, model, to_tier),
    )


@register.simple_tag(takes_context=True)
def rule_link(context: template.Context, slug: str) -> SafeString:
    """Return a link to a rule by its title."""
    address = reverse("console:rule", args=(slug,))
    return format_html('<a href="{}">{}</a>', address, rule_name(context, slug))


@register.simple_tag(takes_context=True)
def rule_name(context: template.Context, slug: str) -> str:
    """Return a rule's title; one that is not stored goes by its slug."""
    titles: dict[str, str] = context["console"].rule_titles
    return titles.get(slug, slug)


def _tiers(context: template.Context) -> dict[tuple[str, str], Tier]:
    tiers: dict[tuple[str, str], Tier] = context["console"].tiers
    return tiers


@register.filter
def path(title: str) -> SafeString:
    """Return a sprout's title; of one that is a path, the file is loud and the folder quiet."""
    folder, slash, name = title.rpartition("/")
    if not slash or not name:
        return format_html('<span class="path-file">{}</span>', breakable(title))
    file, place = breakable(name), breakable(f"{folder}/")
    return format_html('<span class="path-file">{}</span><span class="path-dir">{}</span>', file, place)


@register.filter
def breakable(text: str) -> SafeString:
    """Return a text that may be broken after an underscore or a slash as well, before a word is."""
    parts = re.split(r"(?<=[_/])(?=.)", text)
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in parts))


@register.simple_tag
def sprout_link(sprout_id: UUID | str, title: str | None) -> SafeString:
    """Return a link to a sprout's page; one that was deleted is named by its id, without a link."""
    if title is None:
        return format_html('<span class="path">{}</span>', path(f"deleted/{sprout_id}"))
    address = reverse("console:sprout", args=(sprout_id,))
    return format_html('<a class="path" href="{}">{}</a>', address, path(title))


@register.simple_tag
def when(moment: datetime | None, form: str = "long") -> SafeString:
    """Return an instant in local time with UTC beside it: `long` with the day, `time` without.

    The year is left out in the year that it is; `exact`, for records, has everything.
    """
    if moment is None:
        return mark_safe('<span class="muted">never</span>')
    local, utc = timezone.localtime(moment), moment.astimezone(UTC)
    if local.utcoffset() == timedelta(0):
        return format_html('<time datetime="{}">{}{}UTC</time>', _iso(utc), _said(local, form), _NO_BREAK)
    other = _beside(local, utc, form)
    return format_html(
        '<time datetime="{}">{} <span class="utc">({}{}UTC)</span></time>',
        _iso(utc),
        _said(local, form),
        other,
        _NO_BREAK,
    )


@register.simple_tag
def day(moment: datetime) -> SafeString:
    """Return the local day of an instant, for where the hour says nothing."""
    local = timezone.localtime(moment)
    year = "" if local.year == timezone.localtime().year else " %Y"
    said = local.strftime(f"%-d{_NO_BREAK}%b{year}")
    return format_html('<time datetime="{}">{}</time>', _iso(moment.astimezone(UTC)), said)


def _beside(local: datetime, utc: datetime, form: str) -> str:
    same_day = local.date() == utc.date()
    if form == "exact":
        return utc.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")
    return utc.strftime("%H:%M" if same_day or form == "time" else "%-d %b %H:%M")


def _said(local: datetime, form: str) -> str:
    if form == "time":
        return local.strftime("%H:%M")
    if form == "exact":
        return local.strftime("%Y-%m-%d %H:%M:%S")
    year = "" if local.year == timezone.localtime().year else " %Y"
    return local.strftime(f"%a %-d %b{year}, %H:%M")


def _iso(utc: datetime) -> str:
    return utc.strftime("%Y-%m-%dT%H:%M:%SZ")


@register.filter
def age(moment: datetime | None) -> str:
    """Return how long ago an instant was, as in `5 h 25 min`."""
    return "never" if moment is None else age_words(timezone.now() - moment)


@register.filter
def until(moment: datetime) -> str:
    """Return how long it is until an instant, as in `18 h 40 min`."""
    minutes = max(int((moment - timezone.now()).total_seconds() // 60), 0)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{_NO_BREAK}h {minutes}{_NO_BREAK}min" if hours else f"{minutes}{_NO_BREAK}min"


@register.filter
def number(value: float | None) -> str:
    """Return a number with commas between thousands; what is not known is called so."""
    return "unknown" if value is None else format_number(value)


@register.filter
def rounded(value: float | None) -> str:
    """Return a number with at most four decimals, which is as exact as scores are; see `number`."""
    return number(None if value is None else round(value, 4))


@register.filter
def signed(change: int) -> str:
    """Return a change with its sign, as in `+204`, `−204` or `±0`."""
    return f"{'+' if change > 0 else '−' if change < 0 else '±'}{format_number(abs(change))}"


@register.filter
def unlocalized(value: float) -> str:
    """Return a number as attributes take it: a point, no separators."""
    return f"{value:g}"


@register.filter
def add_to(value: float, more: float) -> str:
    """Return a sum, as attributes take it."""
    return unlocalized(round(value + more, 1))


@register.filter
def times(value: float, factor: float) -> str:
    """Return a product, as attributes take it."""
    return unlocalized(value * factor)


@register.filter
def message_count(count: int) -> str:
    """Say how many notifications failed; beyond five they are not counted."""
    if count > 5:
        return "More than 5 notifications failed"
    return f"{count} notification{'' if count == 1 else 's'} failed"


@register.filter
def percent(part: float, whole: float) -> str:
    """Return a part in percent with one decimal at most, as in `21.8 %`; of nothing it is 0 %."""
    return percent_words(round(part / whole, 3) if whole else 0)


@register.filter
def share(part: float) -> str:
    """Return a setting that is a share of 1 in percent, as in `50 %`, with all its digits."""
    return percent_words(part)


@register.filter
def signal(name: str) -> str:
    """Return a signal's name in words."""
    return signal_words(name)


@register.filter
def value_of(value: float | None, name: str) -> str:
    """Return the value of the signal of that name as people read it."""
    return value_words(name, value)


@register.filter
def gap_of(gap: float, name: str) -> str:
    """Return what a value of the signal of that name lacks."""
    return gap_words(name, gap)


@register.filter
def criterion(line: CriterionDefinition) -> SafeString:
    """Return a criterion in words, its comparison loud: **citations ≥ 3** in the last 30 days."""
    symbol = SYMBOLS.get(line.operator, line.operator)
    said = format_html(
        "<b>{} {}{}{}</b>", signal_words(line.signal), symbol, _NO_BREAK, format_number(line.threshold)
    )
    within = period_words(line)
    return format_html("{} {}", said, within) if within else said


@register.filter
def sentence(rule: RuleDefinition) -> SafeString:
    """Return a rule's criteria as a sentence: When **citations ≥ 3** and **views ≥ 1**."""
    if not rule.criteria:
        return mark_safe("No criteria yet.")
    glue = " and " if rule.logic == Logic.ALL else ", or "
    return format_html(
        "When {}.", format_html_join(mark_safe(glue), "{}", ((criterion(c),) for c in rule.criteria))
    )


@register.filter
def figures(evidence: list[dict[str, Any]]) -> SafeString:
    """Return an event's or a move's criteria with what counted: citations **15** ≥ 5.

    Where some are met, as of a rule of which any suffices, the others did not count and are left out.
    """
    met = [line for line in evidence if line["met"]]
    lines = (
        (
            signal_words(line["signal"]),
            value_words(line["signal"], line["actual"]),
            SYMBOLS.get(line["operator"], line["operator"]),
            _NO_BREAK,
            format_number(line["threshold"]),
            _within(line),
        )
        for line in met or evidence
    )
    return format_html(
        '<span class="figures">{}</span>',
        format_html_join("", "<span>{} <b>{}</b> {}{}{}{}</span>", lines),
    )


def _within(line: dict[str, Any]) -> str:
    words = period_words(
        CriterionDefinition(line["signal"], line["operator"], line["threshold"], line["period"])
    )
    return f" {words}" if words else ""


@register.filter
def period(name: str) -> str:
    """Return a period's name in words, as a heading: `Last 30 days`."""
    days = WINDOW_DAYS.get(Period(name)) if name in list(Period) else None
    return f"Last {days} days" if days else "All time"


@register.filter
def symbol(operator: str) -> str:
    """Return an operator as people write it: ≥ for >=."""
    return SYMBOLS.get(operator, operator)


@register.filter
def get(mapping: Mapping[Any, Any], key: Any) -> Any:
    """Return what a mapping has under a key, None when it has nothing."""
    return mapping.get(key)


_EVENTS: dict[str, tuple[str, str, str]] = {
    AdvancementEventType.AUTO_ADVANCEMENT: ("Automatic", "up", ""),
    AdvancementEventType.MANUAL_OVERRIDE: ("Override", "user", "info"),
    AdvancementEventType.BULK_ROLLBACK: ("Rollback", "undo", "warn"),
}


@register.simple_tag
def event_badge(event: AdvancementEvent) -> SafeString:
    """Return the type of an event; what undoes a rollback of an advancement is called so."""
    word, name, kind = _EVENTS[event.event_type]
    if event.event_type == AdvancementEventType.BULK_ROLLBACK and event.rule_id:
        word = "Undo of a rollback"
    return badge(word, name, kind)


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


@register.simple_tag
def badge(text: str, icon_name: str = "", kind: str = "") -> SafeString:
    """Return a badge; `kind` is ok, warn, danger, info or empty."""
    return format_html(
        '<span class="badge{}">{}{}</span>',
        f" badge-{kind}" if kind else "",
        icon(icon_name) if icon_name else "",
        conditional_escape(text),
    )
