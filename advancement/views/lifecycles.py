"""Lifecycle models: their tiers in order, who uses them, and what may not change."""

from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from advancement.criteria.errors import AdvancementError
from advancement.evaluation.counts import count_sprouts
from advancement.ladders import EXAMPLES, load_ladder
from advancement.models import LifecycleModel, RuleVersion, Tier
from advancement.rights import Right
from advancement.rulebook.reading import active_versions
from advancement.views.access import allows, may

# What it takes to add a model and to change its ladder, besides the right to edit lifecycle models.
TO_ADD: Final = ("advancement.add_lifecyclemodel", "advancement.add_tier")
TO_CHANGE: Final = ("advancement.add_tier", "advancement.change_tier", "advancement.delete_tier")

# Of more models than that the tiers are folded away; of more rules than that on a tier the first are named.
_IN_FULL: Final = 6
_NAMED: Final = 3


@dataclass(frozen=True)
class Use:
    """A tier and what stands on it: sprouts, and the enabled rules that lead from it or to it."""

    tier: Tier
    sprouts: int
    rules: list[RuleVersion]

    @property
    def named(self) -> list[RuleVersion]:
        """The rules that are named beside the tier."""
        return self.rules[:_NAMED]

    @property
    def more(self) -> int:
        """How many rules there are besides."""
        return len(self.rules[_NAMED:])


@allows(GET=Right.VIEW_LIFECYCLES)
def lifecycles(request: HttpRequest) -> HttpResponse:
    """List the models with their ladders, those that are archived last."""
    models = list(LifecycleModel.objects.prefetch_related("tiers").order_by("label"))
    counts, rules = count_sprouts(), active_versions()
    cards = [
        (model, [use_of(tier, counts, rules) for tier in model.tiers.all()])
        for model in sorted(models, key=lambda model: (model.archived_at is not None, model.label))
    ]
    edits = may(request.user, Right.EDIT_LIFECYCLES)
    context = {
        "title": "Lifecycle models",
        "may_add": edits and request.user.has_perms(TO_ADD),
        "may_edit": edits and request.user.has_perms(TO_CHANGE),
        "brief": len(cards) > _IN_FULL,
        "cards": [(model, uses, sum(use.sprouts for use in uses)) for model, uses in cards],
        "examples": [ladder for ladder in EXAMPLES if ladder.slug not in {model.pk for model in models}],
    }
    return render(request, "console/lifecycles.html", context)


@allows(POST=Right.EDIT_LIFECYCLES)
def load_example(request: HttpRequest) -> HttpResponse:
    """Add one of the ladders to start from."""
    try:
        model = load_ladder(request.POST.get("example", ""))
    except AdvancementError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, f"The lifecycle model {model.label} is there; sprouts may be imported into it."
        )
    return redirect("console:lifecycles")


@allows(POST=Right.EDIT_LIFECYCLES)
def archive_lifecycle(request: HttpRequest, slug: str) -> HttpResponse:
    """Keep new sprouts out of a model, or let them in again."""
    model = LifecycleModel.objects.filter(pk=slug).first()
    if model is None:
        raise Http404(f"There is no lifecycle model {slug}.")
    wanted = request.POST.get("archived") == "1"
    if wanted != bool(model.archived_at):
        model.archived_at = timezone.now() if wanted else None
        model.save(update_fields=["archived_at"])
    said = "is archived: no new sprouts come in" if model.archived_at else "takes new sprouts again"
    messages.success(request, f"The lifecycle model {model.label} {said}.")
    return redirect("console:lifecycles")


def use_of(tier: Tier, counts: dict[tuple[str, str], int], rules: list[RuleVersion]) -> Use:
    """Return what stands on a tier, of these counts of sprouts and these enabled rules."""
    naming = [
        rule
        for rule in rules
        if rule.lifecycle_model_id == tier.lifecycle_model_id and tier.slug in {rule.from_tier, rule.to_tier}
    ]
    return Use(tier, counts.get((tier.lifecycle_model_id, tier.slug), 0), naming)
