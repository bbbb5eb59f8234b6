"""Lifecycle models: their tiers in order, who uses them, and what may not change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from advancement.criteria.errors import AdvancementError
from advancement.criteria.wording import isolated
from advancement.evaluation.counts import count_sprouts
from advancement.ladders import EXAMPLES, archive_model, load_ladder, take_up_model
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
# So many rules are listed before a model is archived.
_LISTED: Final = 12


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
    require_all(request, TO_ADD)
    try:
        model = load_ladder(request.POST.get("example", ""))
    except AdvancementError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, f"The lifecycle model {model.label} is there; sprouts may be imported into it."
        )
    return redirect("console:lifecycles")


@allows(GET=Right.EDIT_LIFECYCLES, POST=Right.EDIT_LIFECYCLES)
def archive_lifecycle(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what stops and what goes on when a model is archived, and archive it by POST."""
    model = _model(slug)
    if request.method == "POST" and archive_model(slug):
        messages.success(request, f"The lifecycle model {model.label} is archived: no new sprouts come in.")
        return redirect("console:lifecycles")
    if request.method == "POST" or model.archived_at:
        messages.info(request, f"The lifecycle model {model.label} is archived already.")
        return redirect("console:lifecycles")
    counts = count_sprouts()
    tiers = [(tier, counts.get((slug, tier.slug), 0)) for tier in model.tiers.all()]
    rules = [rule for rule in active_versions() if rule.lifecycle_model_id == slug]
    context = {
        "title": f"Archive the lifecycle model “{isolated(model.label)}”?",
        "model": model,
        "tiers": tiers,
        "sprouts": sum(count for (of, _), count in counts.items() if of == slug),
        "rules": rules[:_LISTED],
        "more_rules": len(rules[_LISTED:]),
        "rules_on": len(rules),
    }
    return render(request, "console/archive_lifecycle.html", context)


@allows(POST=Right.EDIT_LIFECYCLES)
def take_up_lifecycle(request: HttpRequest, slug: str) -> HttpResponse:
    """Let new sprouts and new rules into an archived model again."""
    model = _model(slug)
    if not take_up_model(slug):
        messages.info(request, f"The lifecycle model {model.label} is in use already.")
        return redirect("console:lifecycles")
    messages.success(request, f"The lifecycle model {model.label} takes new sprouts and rules again.")
    return redirect("console:lifecycles")


def require_all(request: HttpRequest, rights: Sequence[str]) -> None:
    """Raise PermissionDenied unless whoever asks has all of these rights."""
    if not request.user.has_perms(rights):
        raise PermissionDenied("You may not edit the tiers of lifecycle models.")


def _model(slug: str) -> LifecycleModel:
    model = LifecycleModel.objects.prefetch_related("tiers").filter(pk=slug).first()
    if model is None:
        raise Http404(f"There is no lifecycle model {slug}.")
    return model


def use_of(tier: Tier, counts: dict[tuple[str, str], int], rules: list[RuleVersion]) -> Use:
    """Return what stands on a tier, of these counts of sprouts and these enabled rules."""
    naming = [
        rule
        for rule in rules
        if rule.lifecycle_model_id == tier.lifecycle_model_id and tier.slug in {rule.from_tier, rule.to_tier}
    ]
    return Use(tier, counts.get((tier.lifecycle_model_id, tier.slug), 0), naming)
