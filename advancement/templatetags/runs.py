"""How templates name runs: by kind and number, who started them, what they look at, how long they took."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from advancement.models import Run
from advancement.models.runs import RunKind, RunStatus, RunTrigger
from advancement.templatetags.badges import badge, run_badge

register = template.Library()

_NO_BREAK = "\u00a0"
_HOW = {
    RunTrigger.SCHEDULE: "by the schedule",
    RunTrigger.CONSOLE: "in the console",
    RunTrigger.COMMAND: "by a command",
}


@register.filter
def run_name(run: Run) -> str:
    """Return what a run is called, as in `Dry run 413` or `Rollback 415`."""
    names = {
        RunKind.ADVANCEMENT: "Run",
        RunKind.ROLLBACK: "Undo" if run.undoes_id else "Rollback",
        RunKind.OVERRIDE: "Override",
    }
    name = names[RunKind(run.kind)]
    if run.dry_run:
        name = "Dry run" if run.kind == RunKind.ADVANCEMENT else f"Plan of {name.lower()}"
    return f"{name} {run.pk}"


@register.filter
def run_kind(run: Run) -> str:
    """Return a run's kind in words."""
    if run.kind == RunKind.ROLLBACK and run.undoes_id:
        return "Undoing of a rollback"
    return run.get_kind_display()


@register.filter
def run_trigger(run: Run) -> str:
    """Return how a run was started, as in `in the console`."""
    return _HOW[RunTrigger(run.trigger)]


@register.filter
def run_starter(run: Run) -> str:
    """Return who started a run and how, as in `operator, in the console`."""
    return f"{run.requested_by}, {run_trigger(run)}" if run.requested_by else run_trigger(run)


@register.simple_tag(takes_context=True)
def from_tiers(context: template.Context, run: Run) -> SafeString:
    """Return the tiers that a run looks at, each with its emoji."""
    return tiers_called(context, run.from_tiers, run.scope_model_id)


@register.simple_tag(takes_context=True)
def tiers_called(context: template.Context, slugs: Iterable[str], model: str | None) -> SafeString:
    """Return tiers of a lifecycle model, or without one of whichever has them, each with its emoji."""
    tiers = context["console"].tiers
    found = []
    for slug in slugs:
        of_model = tiers.get((model, slug))
        known = of_model or next((tier for (_, other), tier in tiers.items() if other == slug), None)
        found.append((known.emoji, known.label) if known else ("❔", slug))
    return format_html_join(
        " ", '<span class="tier"><span class="tier-emoji" aria-hidden="true">{}</span>{}</span>', found
    )


@register.simple_tag(takes_context=True)
def model_called(context: template.Context, model: str) -> str:
    """Return the label of a lifecycle model."""
    label: str = context["console"].model_labels.get(model, model)
    return label


@register.simple_tag
def run_link(run: Run) -> SafeString:
    """Return a link to a run's page."""
    return format_html('<a href="{}">{}</a>', reverse("console:run", args=(run.pk,)), run_name(run))


@register.simple_tag
def standing_badge(run: Run, form: str = "long") -> SafeString:
    """Return a run's status; of a dry run that has its plan the long form says that nothing was applied."""
    if run.status == RunStatus.PLANNED and run.dry_run:
        return badge("Planned, nothing applied" if form == "long" else "Planned", "info", "info")
    if run.status == RunStatus.PLANNING and run.started_at is None:
        return badge("Waiting for a worker", "clock", "info")
    return run_badge(run)


@register.simple_tag
def clock(moment: datetime | None) -> SafeString:
    """Return the time of an instant to the second, in local time with UTC beside it."""
    if moment is None:
        return mark_safe('<span class="muted">not yet</span>')
    local, utc = timezone.localtime(moment), moment.astimezone(UTC)
    aside = "" if local.utcoffset() == timedelta(0) else f"({utc:%H:%M:%S}{_NO_BREAK}UTC)"
    said = f"{local:%H:%M:%S}" if aside else f"{local:%H:%M:%S}{_NO_BREAK}UTC"
    return format_html(
        '<time datetime="{}">{} {}</time>',
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        said,
        format_html('<span class="utc">{}</span>', aside) if aside else "",
    )


@register.filter
def took(run: Run) -> str:
    """Return how long a run has been worked on; without the time that it waited for somebody."""
    waits = run.status == RunStatus.APPROVED and run.lease_expires_at is None
    if waits:
        return "waits for a worker"
    if run.started_at is None:
        return "not started"
    end = run.finished_at or (run.planned_at if run.status in {RunStatus.HELD, RunStatus.PLANNED} else None)
    return duration(((end or timezone.now()) - run.started_at).total_seconds())


@register.filter
def duration(seconds: float | None) -> str:
    """Return a number of seconds as in `40 ms`, `1.4 s`, `26 s`, `2 min 5 s` or `1 h 3 min`."""
    if seconds is None:
        return "unknown"
    seconds = max(seconds, 0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}{_NO_BREAK}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}{_NO_BREAK}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{_NO_BREAK}s"
    if whole < 3600:
        return f"{whole // 60}{_NO_BREAK}min {whole % 60}{_NO_BREAK}s"
    minutes = timedelta(seconds=whole) // timedelta(minutes=1)
    return f"{minutes // 60}{_NO_BREAK}h {minutes % 60}{_NO_BREAK}min"
