"""Django's admin: the plain lists underneath the console.

Tiers change only through runs, and what happened stays as it happened: these pages show facts and let
nobody edit them. What can be edited here are lifecycle models and their tiers.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django_q.admin import ScheduleAdmin
from django_q.models import Schedule as TaskSchedule

from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    Hold,
    LeftOut,
    LifecycleModel,
    RuleCriterion,
    RuleVersion,
    Run,
    SignalAggregation,
    SignalRefresh,
    Sprout,
    Tier,
    UsageEvent,
)
from advancement.rulebook import active_versions

admin.site.site_header = admin.site.site_title = "Grove Console"
admin.site.index_title = "Records"

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
        try:
            found = {self.id_search: UUID(search_term.strip())}
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(**found) if self.id_search else queryset.none(), False


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


# --- Lifecycle models ----------------------------------------------------------------------------


@admin.register(LifecycleModel)
class LifecycleModelAdmin(ModelAdmin):
    """Lifecycle models; the slug is chosen once."""

    list_display = ["slug", "label", "created_at", "archived_at"]
    search_fields = ["slug", "label"]
    fields = ["slug", "label", "archived_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        """Sprouts, rules and events hold the slug by value."""
        return ["slug"] if obj else []


@admin.register(Tier)
class TierAdmin(ModelAdmin):
    """Tiers; the slug is chosen once, and one in use cannot be deleted."""

    list_display = ["slug", "emoji", "label", "lifecycle_model", "position"]
    list_filter = ["lifecycle_model"]
    list_select_related = ["lifecycle_model"]
    search_fields = ["slug", "label"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        """Sprouts, rules and events hold model and slug by value."""
        return ["lifecycle_model", "slug"] if obj else []

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[Any], list[Any]]:
        """Name what stands against the deletion beside what it would delete."""
        tiers = list(objs)
        found: Any = super().get_deleted_objects(tiers, request)
        to_delete, counts, perms_needed, protected = found
        return to_delete, counts, perms_needed, [*protected, *_uses(tiers)]


def _uses(tiers: Iterable[Tier]) -> list[str]:
    """Return a sentence for each thing that holds one of the tiers by value."""
    versions = active_versions()
    sentences = []
    for tier in tiers:
        if Sprout.objects.filter(lifecycle_model=tier.lifecycle_model_id, tier=tier.slug).exists():
            sentences.append(f"The tier {tier.slug} holds sprouts: move them to another tier first.")
        sentences += [
            f"The tier {tier.slug} is named by the enabled rule {version.rule_id}: disable that first."
            for version in versions
            if version.lifecycle_model_id == tier.lifecycle_model_id
            and tier.slug in {version.from_tier, version.to_tier}
        ]
    return sentences


# --- Sprouts and their use -----------------------------------------------------------------------


@admin.register(Sprout)
class SproutAdmin(RecordAdmin):
    """Sprouts; they come from imports, and their tiers change through runs."""

    id_search = "id"
    list_display = ["title", "tier", "lifecycle_model", "tier_updated_at", "revision", "id"]
    list_filter = [tier_filter("tier"), "lifecycle_model"]
    list_select_related = ["lifecycle_model"]
    search_fields = ["title"]
    search_help_text = "A part of the title, or an id"


@admin.register(UsageEvent)
class UsageEventAdmin(RecordAdmin):
    """Observed uses; they come from imports."""

    id_search = "sprout"
    list_display = ["id", "created_at", "event_type", "sprout", "session_id", "rating"]
    list_filter = ["event_type", "created_at"]
    list_select_related = ["sprout"]
    search_fields = ["=id", "=session_id", "sprout__title"]
    search_help_text = "A part of a sprout's title, a sprout's id, an event's id or a session"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A UUID may be the event's own id as well, which is text."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if not found.query.is_sliced and UsageEvent.objects.filter(pk=search_term.strip()).exists():
            return queryset.filter(pk=search_term.strip()), False
        return found, duplicates


@admin.register(SignalAggregation)
class SignalAggregationAdmin(RecordAdmin):
    """Signals as the rules see them."""

    id_search = "sprout"
    list_display = ["sprout", "period", "reference_count", "view_count", "quality_score", "computed_at"]
    list_filter = ["period", "advancement_eligible"]
    list_select_related = ["sprout"]
    search_fields = ["sprout__title"]
    search_help_text = "A part of a sprout's title, or its id"


@admin.register(SignalRefresh)
class SignalRefreshAdmin(RecordAdmin):
    """What each refresh of the signals did."""

    list_display = ["id", "kind", "as_of", "full", "sprouts", "started_at", "finished_at"]
    list_filter = ["kind", "full", "finished_at"]


@admin.register(Hold)
class HoldAdmin(RecordAdmin):
    """Holds; setting or releasing one raises its sprout's revision, which an edit here would not."""

    id_search = "sprout"
    list_display = ["sprout", "reason", "until", "rule_id", "set_at", "set_by", "released_at"]
    list_filter = ["set_at", ("released_at", admin.EmptyFieldListFilter)]
    list_select_related = ["sprout"]
    search_fields = ["sprout__title", "reason"]
    search_help_text = "A part of a sprout's title, its id, or a part of the reason"


# --- Rules ---------------------------------------------------------------------------------------


@admin.register(AdvancementRule)
class AdvancementRuleAdmin(RecordAdmin):
    """Rules and which of their versions is in use."""

    list_display = ["id", "active_version", "enabled", "draft_version", "archived_at"]
    list_filter = ["active_version__enabled", ("archived_at", admin.EmptyFieldListFilter)]
    list_select_related = ["active_version", "draft_version"]
    search_fields = ["id", "active_version__title"]

    @admin.display(boolean=True)
    def enabled(self, rule: AdvancementRule) -> bool:
        """Whether the batch uses it."""
        return bool(rule.active_version and rule.active_version.enabled and not rule.archived_at)


class RuleCriterionInline(ReadOnly, StackedInline):
    """What a version tests."""

    model = RuleCriterion
    extra = 0


@admin.register(RuleVersion)
class RuleVersionAdmin(RecordAdmin):
    """Every version that a rule ever had."""

    list_display = [
        "rule_id",
        "number",
        "title",
        "from_tier",
        "to_tier",
        "enabled",
        "created_at",
        "created_by",
    ]
    list_display_links = ["rule_id", "number"]
    list_filter = ["rule", "enabled"]
    search_fields = ["rule__id", "title"]
    ordering = ["rule_id", "-number"]
    inlines = [RuleCriterionInline]


# --- Runs and what they did ----------------------------------------------------------------------


@admin.register(Run)
class RunAdmin(RecordAdmin):
    """Runs, newest first."""

    list_display = [
        "id",
        "kind",
        "trigger",
        "status",
        "dry_run",
        "logical_date",
        "evaluated",
        "advanced",
        "created_at",
    ]
    list_filter = ["status", "kind", "trigger", "dry_run", "created_at"]
    search_fields = ["=id", "reason", "requested_by"]


@admin.register(LeftOut)
class LeftOutAdmin(RecordAdmin):
    """Candidates that a run did not move, and why."""

    id_search = "sprout_id"
    list_display = ["run_id", "sprout_id", "bucket", "reason"]
    list_filter = ["bucket"]
    search_fields = ["=run__id", "reason"]
    search_help_text = "A run's number, a sprout's id, or a part of the reason"


@admin.register(AdvancementEvent)
class AdvancementEventAdmin(RecordAdmin):
    """The audit trail."""

    id_search = "sprout_id"
    list_display = [
        "id",
        "timestamp",
        "sprout_title",
        "from_tier",
        "to_tier",
        "event_type",
        "rule_id",
        "run_id",
    ]
    list_filter = ["event_type", tier_filter("from_tier"), tier_filter("to_tier"), "timestamp"]
    search_fields = ["sprout_title", "=rule_id", "=run_id"]
    search_help_text = "A part of a sprout's title, its id, a rule, or a run's number"


# --- Task clusters -------------------------------------------------------------------------------

admin.site.unregister(TaskSchedule)


@admin.register(TaskSchedule)
class TaskScheduleAdmin(ReadOnly, ScheduleAdmin):
    """The clusters' schedules. Their form takes any dotted path: it would execute code for whoever edits it."""
