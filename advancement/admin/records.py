"""What the records share: lists of facts that refuse every change, and forms for what may be edited."""

from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.paginator import Paginator
from django.db.models import DateTimeField, Field, QuerySet
from django.http import HttpRequest

from advancement.models import Tier

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    StackedInline = admin.StackedInline[Any, Any]
    RowPaginator = Paginator[Any]
else:
    ModelAdmin = admin.ModelAdmin
    StackedInline = admin.StackedInline
    RowPaginator = Paginator

# Counting further would cost more than it tells; searching and filtering lead to the rows behind.
MOST_COUNTED = 10_000


class CappedPaginator(RowPaginator):
    """Pages of the first rows of a list, which may be long; it never counts all of them."""

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST_COUNTED + 1].count())

    @cached_property
    def count(self) -> int:
        """How many rows there are pages of."""
        return min(self._counted, MOST_COUNTED)

    @property
    def uncounted(self) -> bool:
        """Whether there are more."""
        return self._counted > MOST_COUNTED


class ReadOnly:
    """Shows records and refuses every change, whatever permissions somebody has."""

    # A count for each choice of each filter, on request: too much for long lists.
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


class RecordAdmin(ReadOnly, ModelAdmin):
    """Read-only lists that may be long; `id_search` names the column that a pasted UUID is looked up in."""

    id_search = ""
    show_full_result_count = False
    list_per_page = 50
    paginator = CappedPaginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look a UUID up as it is: SQLite stores it without hyphens, so a search in text would miss it."""
        if self.id_search and (wanted := _uuid(search_term)):
            return queryset.filter(**{self.id_search: wanted}), False
        return super().get_search_results(request, queryset, search_term)


class EditedAdmin(ModelAdmin):
    """Forms of plain controls: no pop-ups, no widgets that need scripts or styles of their own."""

    show_facets = admin.ShowFacets.NEVER
    formfield_overrides = {
        DateTimeField: {
            "form_class": forms.DateTimeField,
            "widget": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        }
    }

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: Any, **kwargs: Any) -> Any:
        """Leave out the links that open other forms in windows of their own."""
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def tier_filter(column: str) -> type[admin.SimpleListFilter]:
    """Return a filter by tier whose choices come from the tiers, not from a scan of a long table."""

    class TierFilter(admin.SimpleListFilter):
        title = column.replace("_", " ")
        parameter_name = column

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            slugs = Tier.objects.order_by("lifecycle_model", "position").values_list("slug", flat=True)
            return [(slug, slug) for slug in dict.fromkeys(slugs)]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{column: self.value()}) if self.value() else queryset

    return TierFilter
