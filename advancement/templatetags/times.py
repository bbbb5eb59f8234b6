"""Instants and how long ago they were, in local time with UTC beside it."""

from datetime import UTC, datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from advancement.criteria.wording import age_words

register = template.Library()

_NO_BREAK = "\u00a0"


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


@register.simple_tag
def span(since: datetime, until: datetime | None = None) -> SafeString:
    """Return a range of time in short: days alone where both ends are midnights, local times otherwise."""
    ends = [timezone.localtime(moment) for moment in (since, until) if moment]
    whole = all((end.hour, end.minute, end.second) == (0, 0, 0) for end in ends)
    if whole and until:
        ends[1] -= timedelta(days=1)
    year = "" if all(end.year == timezone.localtime().year for end in ends) else " %Y"
    form = f"%-d{_NO_BREAK}%b{year}" if whole else f"%-d{_NO_BREAK}%b{year},{_NO_BREAK}%H:%M"
    said = list(dict.fromkeys(end.strftime(form) for end in ends))
    if until is None:
        return format_html("since {}", said[0])
    return format_html("{}", said[0]) if len(said) == 1 else format_html("{} – {}", *said)


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
def for_how_long(moment: datetime) -> str:
    """Return since when something is so, as in `for 5 hours`; of less than a minute `since just now`."""
    past = timezone.now() - moment
    return "since just now" if past < timedelta(minutes=1) else f"for {age_words(past)}"


@register.filter
def until(moment: datetime) -> str:
    """Return how long it is until an instant, as in `18 h 40 min`."""
    minutes = max(int((moment - timezone.now()).total_seconds() // 60), 0)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{_NO_BREAK}h {minutes}{_NO_BREAK}min" if hours else f"{minutes}{_NO_BREAK}min"
