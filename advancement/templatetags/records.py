"""Tags of the records' templates: what Django's admin lists and forms hold, shown as the console shows it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django import template
from django.contrib.admin.helpers import AdminReadonlyField
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import display_for_field, label_for_field, lookup_field
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.contrib.auth.models import Group, User
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join, linebreaks
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

from advancement.criteria.wording import format_number
from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    LifecycleModel,
    OutboxMessage,
    Run,
    SignalAggregation,
    Sprout,
    Tier,
)
from advancement.templatetags import badges, console, times

register = template.Library()

_NOTHING: Final = mark_safe('<span class="muted">none</span>')
_UNKNOWN: Final = mark_safe('<span class="muted">unknown</span>')
_TIERS: Final = {"tier", "initial_tier", "from_tier", "to_tier"}
_TICKED: Final = (CheckboxInput, CheckboxSelectMultiple, RadioSelect)
_TICK: Final = "action_checkbox"

_PAGES: Final = {
    AdvancementEvent: "console:event",
    AdvancementRule: "console:rule",
    OutboxMessage: "console:notification",
    Run: "console:run",
    Sprout: "console:sprout",
}

# The groups of the start page: models by app and name, each with what its rows are.
_GROUPS: Final[dict[str, dict[str, str]]] = {
    "Grove": {
        "advancement.Sprout": "The documents and their tiers",
        "advancement.UsageEvent": "Observed uses, as imported",
        "advancement.SignalAggregation": "What the rules test, by sprout and period",
        "advancement.SignalRefresh": "When the signals were computed or imported",
        "advancement.LifecycleModel": "Ladders of tiers",
        "advancement.Tier": "The rungs of the ladders",
    },
    "Rules and runs": {
        "advancement.AdvancementRule": "Each rule with the version in use",
        "advancement.RuleVersion": "Every version that a rule ever had",
        "advancement.Run": "Each attempt to change tiers",
        "advancement.AdvancementEvent": "The audit trail: every move, with its reason",
        "advancement.LeftOut": "Who was not moved by a run, and why",
        "advancement.Hold": "What automation must leave alone",
        "advancement.OutboxMessage": "What is told by e-mail and webhook",
    },
    "Task clusters": {
        "django_q.Schedule": "The wake-up, once a minute",
        "django_q.OrmQ": "Tasks that wait for a cluster",
        "django_q.Success": "Tasks that went well",
        "django_q.Failure": "Tasks that failed",
    },
    "People": {
        "auth.User": "Who may sign in, and their roles",
        "auth.Group": "The roles and their rights",
    },
}


@dataclass(frozen=True)
class Cell:
    """What stands in one cell of a list; the heading is the one that leads to the record."""

    label: str
    text: SafeString
    heading: bool = False
    css: str = ""


@register.simple_tag
def record_groups(app_list: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the models of the admin's start page, grouped by what they are about, with a line on each."""
    by_name = {
        f"{app['app_label']}.{model['object_name']}": model for app in app_list for model in app["models"]
    }
    found = []
    for group, lines in _GROUPS.items():
        models_of = [{**by_name.pop(name), "line": line} for name, line in lines.items() if name in by_name]
        found.append((group, models_of))
    found.append(("More", list(by_name.values())))
    return [(group, models_of) for group, models_of in found if models_of]


@register.simple_tag
def record_headers(changelist: ChangeList) -> list[dict[str, Any]]:
    """Return the headings of a list's columns, each with what sorts by it; that of the ticks is None."""
    return [
        {**header, "tick": "action-checkbox" in str(header.get("class_attrib", ""))}
        for header in result_headers(changelist)
    ]


@register.simple_tag(takes_context=True)
def record_rows(context: template.Context, changelist: ChangeList) -> list[list[Cell]]:
    """Return the rows of a list."""
    admin = changelist.model_admin
    labels = [
        "" if name == _TICK else capfirst(str(label_for_field(name, changelist.model, admin)))
        for name in changelist.list_display
    ]
    return [
        [
            _cell(context, changelist, row, name, label)
            for name, label in zip(changelist.list_display, labels, strict=True)
        ]
        for row in changelist.result_list
    ]


def _cell(context: template.Context, changelist: ChangeList, row: Any, name: Any, label: str) -> Cell:
    try:
        field, attribute, value = lookup_field(name, row, changelist.model_admin)
    except ObjectDoesNotExist:
        return Cell(label, _NOTHING)
    if name == _TICK:
        return Cell("", format_html('<label class="check-cell">{}</label>', value), css="tick")
    text = _shown(context, row, field, attribute, value, in_list=True)
    number = isinstance(value, int | float) and not isinstance(value, bool) and not _names_a_row(field)
    css = "num" if number and not getattr(field, "flatchoices", None) else ""
    links = changelist.list_display_links or ()
    if name not in links:
        return Cell(label, text, css=css)
    try:
        address = changelist.url_for_result(row)
    except NoReverseMatch:
        return Cell(label, text, css=css)
    preserved: Any = {"preserved_filters": changelist.preserved_filters, "opts": changelist.opts}
    address = add_preserved_filters(preserved, address)
    return Cell(label, format_html('<a href="{}">{}</a>', address, text), name == links[0], css)


@register.simple_tag(takes_context=True)
def record_value(context: template.Context, fact: AdminReadonlyField) -> SafeString:
    """Return what a field of a record that is only shown holds."""
    name, row = fact.field["field"], fact.form.instance
    try:
        field, attribute, value = lookup_field(name, row, fact.model_admin)
    except (AttributeError, ValueError, ObjectDoesNotExist):
        return _NOTHING
    if isinstance(field, models.ManyToManyField):
        return _lines([str(other) for other in value.all()])
    if isinstance(field, models.ForeignKey):
        other = getattr(row, field.name)
        return _NOTHING if other is None else _link(field, other, fact)
    return _shown(context, row, field, attribute, value, in_list=False)


def _link(field: "models.ForeignKey[Any, Any]", other: models.Model, fact: AdminReadonlyField) -> SafeString:
    return mark_safe(fact.get_admin_url(field.remote_field, other))


def _shown(
    context: template.Context, row: Any, field: Any, attribute: Any, value: Any, *, in_list: bool
) -> SafeString:
    """Return a value as people read it."""
    if isinstance(value, bool) or getattr(attribute, "boolean", False):
        return _yes_or_no(value)
    if value in (None, "", [], {}):
        is_number = isinstance(field, models.IntegerField | models.FloatField)
        return _UNKNOWN if is_number and isinstance(row, SignalAggregation) else _NOTHING
    if isinstance(value, SafeString):
        return value
    of_field = _by_field(context, row, field, value) if field is not None else None
    return _by_type(field, value, in_list=in_list) if of_field is None else of_field


def _by_field(context: template.Context, row: Any, field: Any, value: Any) -> SafeString | None:
    """Return a value whose column says how it is read; None where only its type does."""
    if isinstance(field, models.ForeignKey):
        other = getattr(row, field.name)
        return _path(other.title) if isinstance(other, Sprout) else format_html("{}", other)
    if getattr(field, "flatchoices", None) or isinstance(field, models.URLField):
        return format_html("{}", display_for_field(value, field, ""))
    if field.name in _TIERS:
        return _tier(context, row, value)
    if isinstance(row, Sprout) and field.name == "title":
        return _path(value)
    return None


def _path(title: str) -> SafeString:
    return format_html('<span class="path">{}</span>', console.path(title))


def _by_type(field: Any, value: Any, *, in_list: bool) -> SafeString:
    if isinstance(value, datetime):
        return times.when(value, "exact")
    if isinstance(value, date):
        return format_html("{}", value.isoformat())
    if isinstance(value, int | float):
        return format_html("{}", value if _names_a_row(field) else format_number(value))
    if isinstance(value, list | dict):
        return _data(value, in_list=in_list)
    return _text(str(value), in_list=in_list)


def _names_a_row(field: Any) -> bool:
    """Whether a number is a name: nobody reads thousands in it."""
    return field is not None and (field.primary_key or field.name.endswith("_id"))


def _yes_or_no(value: bool | None) -> SafeString:
    if value is None:
        return _UNKNOWN
    return badges.badge("Yes", "check", "ok") if value else badges.badge("No", "minus")


def _tier(context: template.Context, row: Any, slug: str) -> SafeString:
    """Return a tier; a row without lifecycle model has the tier that all models mean by that slug."""
    model = getattr(row, "lifecycle_model_id", None)
    if model is None:
        owners = [owner for owner, known in context["console"].tiers if known == slug]
        model = owners[0] if len(owners) == 1 else ""
    return console.tier(context, model, slug) if model else format_html("{}", slug)


def _data(value: Any, *, in_list: bool) -> SafeString:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return format_html("{}", ", ".join(value)) if in_list else _lines(value)
    said = json.dumps(value, ensure_ascii=False, default=str, indent=None if in_list else 2)
    return format_html("<code>{}</code>" if in_list else '<pre class="data">{}</pre>', said)


def _lines(texts: list[str]) -> SafeString:
    if not texts:
        return _NOTHING
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((text,) for text in texts)))


def _text(text: str, *, in_list: bool) -> SafeString:
    if in_list or "\n" not in text:
        return format_html("{}", text)
    return mark_safe(linebreaks(text, autoescape=True))


@register.filter
def name_of(row: Any) -> str:
    """Return how a record is called as a heading; a name or a slug is left as it is written."""
    named = isinstance(row, AdvancementRule | Group | LifecycleModel | Sprout | Tier | User)
    return str(row) if named else str(capfirst(str(row)))


@register.simple_tag
def console_page(row: Any) -> str:
    """Return the address of the console's own page about a record; empty where there is none."""
    for kind, name in _PAGES.items():
        if isinstance(row, kind):
            return reverse(name, args=(row.pk,))
    return ""


@register.filter
def control(field: BoundField) -> SafeString:
    """Return a form's control in the console's look; Django names its hint and its error with it."""
    css = "" if isinstance(field.field.widget, _TICKED) else "input"
    return field.as_widget(attrs={"class": css} if css else {})


@register.filter
def ticked(field: BoundField) -> bool:
    """Whether a form's control is one box to tick, whose label follows it."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def many(field: BoundField) -> bool:
    """Whether a form's control is a group of boxes or buttons, which has a legend instead of a label."""
    return isinstance(field.field.widget, CheckboxSelectMultiple | RadioSelect)


@register.simple_tag
def all_fields(admin_form: Any) -> Iterator[Any]:
    """Return every field of a record's form, in order."""
    return (field for fieldset in admin_form for line in fieldset for field in line)


@register.filter
def page_address(changelist: ChangeList, step: int) -> str:
    """Return the address of the page so many pages on, or back."""
    return changelist.get_query_string({PAGE_VAR: changelist.page_num + step})
