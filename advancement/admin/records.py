"""What the lists of records share: they show facts and refuse every change."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from advancement.models import Tier

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    StackedInline = admin.StackedInline[Any, Any]
else:
    ModelAdmin = admin.ModelAdmin
    StackedInline = admin.StackedInline


class ReadOnly:
    """Shows records and refuses every change, whatever permissions somebody has."""

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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look a UUID up as it is: SQLite stores it without hyphens, so a search in text would miss it."""
        if self.id_search and (wanted := _uuid(search_term)):
            return queryset.filter(**{self.id_search: wanted}), False
        return super().get_search_results(request, queryset, search_term)


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
