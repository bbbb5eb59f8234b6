"""What came in, what the rules say, and what runs did: lists to look things up in."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, URLField
from django.http import HttpRequest

from advancement.admin import links
from advancement.admin.records import ReadOnly, RecordAdmin, StackedInline, tier_filter
from advancement.models import (
    AdvancementEvent,
    AdvancementRule,
    Hold,
    LeftOut,
    RuleCriterion,
    RuleVersion,
    Run,
    SignalAggregation,
    SignalRefresh,
    Sprout,
    UsageEvent,
)
from advancement.templatetags.console import sprout_link


@admin.register(Sprout)
class SproutAdmin(RecordAdmin):
    """Sprouts; they come from imports, and their tiers change through runs."""

    id_search = "id"
    list_display = ["title", "tier", "lifecycle_model", "tier_updated_at", "created_at", "id"]
    readonly_fields = ["id", "initial_tier", "revision", "records"]
    list_filter = [tier_filter("tier"), "lifecycle_model"]
    list_select_related = ["lifecycle_model"]
    search_fields = ["title"]
    search_help_text = "A part of the title, or an id"

    @admin.display
    def records(self, sprout: Sprout) -> str:
        """What there is of it."""
        return links.lists(
            events=(AdvancementEvent, "sprout_id", sprout.pk),
            holds=(Hold, "sprout", sprout.pk),
            signals=(SignalAggregation, "sprout", sprout.pk),
            usage_events=(UsageEvent, "sprout", sprout.pk),
        )


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
        """Look for an event of this id first: it is text that may well be a UUID."""
        itself = queryset.filter(pk=search_term.strip())
        if itself.exists():
            return itself, False
        return super().get_search_results(request, queryset, search_term)


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
    list_display = ["title", "reason", "until", "rule_id", "set_at", "set_by", "run", "released_at"]
    list_filter = ["set_at", ("released_at", admin.EmptyFieldListFilter)]
    search_fields = ["sprout__title", "reason"]
    search_help_text = "A part of a sprout's title, its id, or a part of the reason"
    readonly_fields = ["run"]

    @admin.display(description="set by run", ordering="set_by_run_id")
    def run(self, hold: Hold) -> str:
        """The run that set it, if one did."""
        return links.record(Run, hold.set_by_run_id)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read the titles along; a join would leave out the holds of sprouts that were deleted."""
        title = Sprout.objects.filter(pk=OuterRef("sprout")).values("title")
        holds: QuerySet[Any] = super().get_queryset(request).annotate(sprout_title=Subquery(title))
        return holds

    @admin.display(description="sprout")
    def title(self, hold: Any) -> str:
        """Name the sprout."""
        return hold.sprout_title or f"{hold.sprout_id} (deleted)"


@admin.register(AdvancementRule)
class AdvancementRuleAdmin(RecordAdmin):
    """Rules and which of their versions is in use."""

    list_display = ["id", "active_version", "enabled", "draft_version", "archived_at"]
    list_filter = ["active_version__enabled", ("archived_at", admin.EmptyFieldListFilter)]
    list_select_related = ["active_version", "draft_version"]
    search_fields = ["id", "active_version__title"]
    readonly_fields = ["records"]

    @admin.display
    def records(self, rule: AdvancementRule) -> str:
        """What there is of it."""
        return links.lists(
            versions=(RuleVersion, "rule", rule.pk), events=(AdvancementEvent, "rule_id", rule.pk)
        )

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
        "moves_planned",
        "advanced",
        "created_at",
        "records",
    ]
    list_filter = ["status", "kind", "trigger", "dry_run", "created_at"]
    search_fields = ["=id", "reason", "requested_by"]
    # Silences a warning about what Django 6 assumes of addresses without a scheme.
    formfield_overrides = {URLField: {"assume_scheme": "https"}}
    readonly_fields = ["records"]

    @admin.display
    def records(self, run: Run) -> str:
        """What came of it."""
        return links.lists(events=(AdvancementEvent, "run_id", run.pk), left_out=(LeftOut, "run", run.pk))


@admin.register(LeftOut)
class LeftOutAdmin(RecordAdmin):
    """Candidates that a run did not move, and why."""

    id_search = "sprout_id"
    list_display = ["id", "of_run", "sprout", "bucket", "reason"]
    list_filter = ["bucket"]
    search_fields = ["=run__id", "reason"]
    search_help_text = "A run's number, a sprout's id, or a part of the reason"
    readonly_fields = ["sprout"]

    @admin.display(description="run", ordering="run")
    def of_run(self, row: LeftOut) -> str:
        """The run that left it out."""
        return links.record(Run, row.run_id)

    @admin.display(ordering="sprout_id")
    def sprout(self, row: LeftOut) -> str:
        """The candidate."""
        return links.record(Sprout, row.sprout_id)


@admin.register(AdvancementEvent)
class AdvancementEventAdmin(RecordAdmin):
    """The audit trail."""

    id_search = "sprout_id"
    list_display = [
        "id",
        "timestamp",
        "sprout",
        "from_tier",
        "to_tier",
        "event_type",
        "rule",
        "run",
        "operator_id",
    ]
    list_filter = ["event_type", tier_filter("from_tier"), tier_filter("to_tier"), "timestamp"]
    search_fields = ["sprout_title", "=rule_id", "=run_id"]
    search_help_text = "A part of a sprout's title, its id, a rule, or a run's number"
    readonly_fields = ["sprout", "rule", "run"]

    @admin.display(ordering="sprout_title")
    def sprout(self, event: AdvancementEvent) -> str:
        """Whom it moved."""
        return sprout_link(event.sprout_id, event.sprout_title)

    @admin.display(ordering="rule_id")
    def rule(self, event: AdvancementEvent) -> str:
        """By which rule, if by any."""
        return links.record(AdvancementRule, event.rule_id)

    @admin.display(ordering="run_id")
    def run(self, event: AdvancementEvent) -> str:
        """In which run."""
        return links.record(Run, event.run_id)
