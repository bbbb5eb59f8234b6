"""Lifecycle models and their tiers: the one thing that is edited in these pages."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from advancement.admin.records import EditedAdmin
from advancement.criteria.texts import written
from advancement.forms.ladders import emoji_fault, label_fault
from advancement.ladders import Taken, check_label, turned_rules, turned_words, uses_of_tier
from advancement.models import LifecycleModel, Sprout, Tier

if TYPE_CHECKING:
    TierModelForm = forms.ModelForm[Tier]
    LifecycleModelModelForm = forms.ModelForm[LifecycleModel]
else:
    TierModelForm = LifecycleModelModelForm = forms.ModelForm


class InUse:
    """Names what stands against a deletion beside what it would delete."""

    def uses(self, rows: list[Any]) -> list[str]:
        """Return a sentence with the remedy for each thing that stands against it."""
        raise NotImplementedError

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[Any], list[Any]]:
        """Leave it at the sentences where there are any: the rest may be a hundred thousand sprouts."""
        rows = list(objs)
        if uses := self.uses(rows):
            return [str(row) for row in rows], {}, set(), uses
        found: Any = super().get_deleted_objects(rows, request)  # type: ignore[misc]  # of ModelAdmin
        return found  # type: ignore[no-any-return]


class LifecycleModelForm(LifecycleModelModelForm):
    """A lifecycle model; people can tell its label from those of others."""

    def clean_label(self) -> str:
        """Refuse a label that shows nothing, or that another model has."""
        label = written(self.cleaned_data["label"])
        if fault := label_fault(label, "The model"):
            raise ValidationError(fault)
        if label != self.initial.get("label"):
            try:
                check_label(label, but=self.instance.pk)
            except Taken as taken:
                raise ValidationError(str(taken)) from None
        return label


@admin.register(LifecycleModel)
class LifecycleModelAdmin(InUse, EditedAdmin):
    """Lifecycle models; the slug is chosen once, and one in use cannot be deleted."""

    form = LifecycleModelForm
    list_display = ["slug", "label", "created_at", "archived_at"]
    search_fields = ["slug", "label"]
    fields = ["slug", "label", "archived_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Sprouts, rules and events hold the slug by value."""
        return ["slug"] if obj else []

    def uses(self, rows: list[Any]) -> list[str]:
        """Name the models that hold sprouts, or still have tiers."""
        return [sentence for model in rows for sentence in _uses_of_model(model)]


class TierForm(TierModelForm):
    """A tier; it may not be put where an enabled rule would lead backward."""

    def clean_label(self) -> str:
        """Refuse a label that shows nothing."""
        label = written(self.cleaned_data["label"])
        if fault := label_fault(label, "A tier"):
            raise ValidationError(fault)
        return label

    def clean_emoji(self) -> str:
        """Refuse what is no emoji; what it has already may stay."""
        emoji = written(self.cleaned_data["emoji"])
        if emoji != self.initial.get("emoji") and (fault := emoji_fault(emoji)):
            raise ValidationError(fault)
        return emoji

    def clean_position(self) -> int:
        """Refuse a position that turns an enabled rule around, and name those rules."""
        position: int = self.cleaned_data["position"]
        if turned := turned_rules(self.instance.lifecycle_model_id, {self.instance.slug: position}):
            raise ValidationError(turned_words(turned))
        others = Tier.objects.filter(lifecycle_model=self.instance.lifecycle_model_id, position=position)
        if there := others.exclude(pk=self.instance.pk).first():
            raise ValidationError(
                f"The tier {there.slug} has position {position}. The model's form gives all tiers an order."
            )
        return position


@admin.register(Tier)
class TierAdmin(InUse, EditedAdmin):
    """Tiers; the slug is chosen once, and one in use cannot be deleted."""

    form = TierForm
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

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Look at what is deleted in a transaction also where it is only asked about: it is locked."""
        with transaction.atomic():
            return super().delete_view(request, object_id, extra_context)

    def uses(self, rows: list[Any]) -> list[str]:
        """Name the tiers that hold sprouts, and the enabled rules that name them.

        The tiers are locked, so that what is found out stays true: an import locks those that it fills.
        """
        list(Tier.objects.select_for_update().filter(pk__in=[tier.pk for tier in rows]).order_by("pk"))
        return [sentence for tier in rows for sentence in uses_of_tier(tier)]


def _uses_of_model(model: LifecycleModel) -> Iterator[str]:
    if count := Sprout.objects.filter(lifecycle_model=model).count():
        yield (
            f"The lifecycle model {model.slug} holds {_sprouts(count)}, which keep their model: "
            "set its “archived at” instead, which keeps new ones out."
        )
    elif model.tiers.exists():
        yield f"The lifecycle model {model.slug} has tiers: delete those first."


def _sprouts(count: int) -> str:
    return f"{count:,} {'sprout' if count == 1 else 'sprouts'}"
