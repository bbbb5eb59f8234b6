"""Forms about sprouts: the filter of their list, an override, a hold."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.functional import cached_property

from advancement.forms.choices import Choice, with_chosen
from advancement.forms.texts import WrittenField
from advancement.models import Hold, LifecycleModel, Sprout, Tier
from advancement.models.sprouts import SproutQuerySet, titled

# Days; "" means until somebody releases it.
HOLD_CHOICES: Final = [("14", "14 days"), ("30", "30 days"), ("90", "90 days"), ("", "until it is released")]
NO_HOLD: Final = ("none", "no hold")


class SproutFilter(forms.Form):
    """Which sprouts are shown: a part of the title or an id, model, tier, on hold."""

    q = forms.CharField(required=False, max_length=200, strip=True)
    model = forms.CharField(required=False, max_length=100)
    tier = forms.CharField(required=False, max_length=100)
    held = forms.BooleanField(required=False)

    @cached_property
    def models(self) -> tuple[Choice, ...]:
        """The lifecycle models to choose from; one that there is not is among them when it was asked for."""
        models = LifecycleModel.objects.order_by("label").values_list("slug", "label")
        return with_chosen(models, self._asked("model"), "unknown")

    @cached_property
    def tiers(self) -> tuple[Choice, ...]:
        """The tiers to choose from: those of the chosen model, else of all of them, each slug once."""
        fault = "not in this model" if self._asked("model") else "unknown"
        return with_chosen(self._tiers, self._asked("tier"), fault)

    @property
    def tier_missing(self) -> bool:
        """Whether the model that was asked for, or every model, lacks the tier that was asked for."""
        tier = self._asked("tier")
        return bool(tier) and tier not in {slug for slug, _ in self._tiers}

    @property
    def model_label(self) -> str:
        """The name of the model that was asked for, "" without one."""
        return dict(self.models).get(self._asked("model"), "")

    @cached_property
    def _tiers(self) -> list[Choice]:
        tiers = Tier.objects.order_by("lifecycle_model", "position")
        if model := self._asked("model"):
            tiers = tiers.filter(lifecycle_model=model)
        return list({tier.slug: (tier.slug, str(tier)) for tier in reversed(tiers)}.values())[::-1]

    def _asked(self, name: str) -> str:
        return str(self.data.get(name) or "").strip()

    @property
    def active(self) -> bool:
        """Whether anything is asked for."""
        return any(self.data.get(name) for name in self.fields)

    def sprouts(self) -> SproutQuerySet:
        """Return the sprouts that were asked for."""
        self.is_valid()
        asked, sprouts = self.cleaned_data, Sprout.objects.all()
        if text := asked.get("q"):
            wanted = _uuid(text)
            sprouts = sprouts.filter(pk=wanted) if wanted else sprouts.filter(titled(text))
        if asked.get("model"):
            sprouts = sprouts.filter(lifecycle_model=asked["model"])
        if asked.get("tier"):
            sprouts = sprouts.filter(tier=asked["tier"])
        if asked.get("held"):
            sprouts = sprouts.filter(
                Exists(Hold.objects.in_force(timezone.now()).filter(sprout=OuterRef("pk")))
            )
        return sprouts


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


class ReasonForm(forms.Form):
    """A reason, which everything that a person does to a sprout needs."""

    reason = WrittenField(
        max_length=2_000, error_messages={"required": "Say why: the reason is kept with what you do."}
    )


class ReleaseForm(ReasonForm):
    """Why holds end, and which: one of them, or all."""

    hold = forms.IntegerField(required=False, min_value=1, max_value=2**62)


class HoldForm(ReasonForm):
    """A hold: why and for how long."""

    days = forms.ChoiceField(required=False, choices=HOLD_CHOICES)

    @property
    def until(self) -> datetime | None:
        """When the hold ends; None: when somebody releases it."""
        return hold_end(self.cleaned_data["days"])


class OverrideForm(ReasonForm):
    """A tier set by hand, and whether automation leaves the sprout alone afterwards.

    `seen` is the tier in which the page showed the sprout, `undoes` the event of the override that this one
    takes back, if it does.
    """

    tier = forms.CharField(max_length=100, error_messages={"required": "Choose the tier to move it to."})
    days = forms.ChoiceField(required=False, choices=[*HOLD_CHOICES, NO_HOLD])
    confirmed = forms.CharField(required=False, max_length=201)
    seen = forms.CharField(required=False, max_length=100)
    undoes = forms.IntegerField(required=False, min_value=1, max_value=2**62)

    @property
    def hold(self) -> dict[str, Any]:
        """The hold in the words of `override_tier`."""
        days = self.cleaned_data["days"]
        return {"hold": days != NO_HOLD[0], "hold_until": None if days == NO_HOLD[0] else hold_end(days)}


def hold_end(days: str) -> datetime | None:
    """Return the end of a hold of so many days from now; None for one without an end."""
    return timezone.now() + timedelta(days=int(days)) if days else None
