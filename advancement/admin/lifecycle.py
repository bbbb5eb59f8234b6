"""Lifecycle models and their tiers: the one thing that is edited in these pages."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from advancement.admin.records import ModelAdmin
from advancement.models import LifecycleModel, Sprout, Tier
from advancement.rulebook import active_versions


@admin.register(LifecycleModel)
class LifecycleModelAdmin(ModelAdmin):
    """Lifecycle models; the slug is chosen once."""

    list_display = ["slug", "label", "created_at", "archived_at"]
    search_fields = ["slug", "label"]
    fields = ["slug", "label", "archived_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Sprouts, rules and events hold the slug by value."""
        return ["slug"] if obj else []


@admin.register(Tier)
class TierAdmin(ModelAdmin):
    """Tiers; the slug is chosen once, and one in use cannot be deleted."""

    list_display = ["slug", "emoji", "label", "lifecycle_model", "position"]
    list_filter = ["lifecycle_model"]
    list_select_related = ["lifecycle_model"]
    search_fields = ["slug", "label"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Sprouts, rules and events hold model and slug by value."""
        return ["lifecycle_model", "slug"] if obj else []

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Look at what is deleted from the list, and delete it, in one transaction."""
        with transaction.atomic():
            return super().changelist_view(request, extra_context)

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[Any], list[Any]]:
        """Name what stands against the deletion beside what it would delete.

        The tiers are locked, so that what is found out stays true: an import locks those that it fills.
        """
        tiers = list(objs)
        list(Tier.objects.select_for_update().filter(pk__in=[tier.pk for tier in tiers]).order_by("pk"))
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
