"""Links between records: rows hold sprout, rule and run by value, and people want to go there."""

from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html, format_html_join


def record(model: type[Model], key: Any, text: object = None) -> str:
    """Return a link to one record, or a dash without a key."""
    if key is None or key == "":
        return "–"
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=(key,))
    return format_html('<a href="{}">{}</a>', address, key if text is None else text)


def lists(**found: tuple[type[Model], str, Any]) -> str:
    """Return links to lists of records: by the link's text, a model and the column and value to filter by."""
    return format_html_join(
        " · ",
        '<a href="{}?{}={}">{}</a>',
        (
            (_list_of(model), column, value, text.replace("_", " "))
            for text, (model, column, value) in found.items()
        ),
    )


def _list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
