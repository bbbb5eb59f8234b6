"""Start an advancement run from the console: a dry run, or a run that moves sprouts at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from advancement.criteria.errors import AdvancementError
from advancement.criteria.slugs import is_slug
from advancement.ladders import current_models
from advancement.models import LifecycleModel, SignalRefresh, Tier
from advancement.models.runs import RunTrigger
from advancement.rights import Right
from advancement.runs.start import RunRequest, start_run
from advancement.views.access import allows

DRY, ASK, NOW = "dry", "ask", "now"
# Of more lifecycle models than that the tiers are folded away.
_IN_FULL: Final = 6


@allows(GET=Right.START_RUNS, POST=Right.START_RUNS)
def start(request: HttpRequest) -> HttpResponse:
    """Ask what to look at, then start a dry run; or ask again, and start a run that moves sprouts."""
    if request.method != "POST":
        chosen = request.GET.getlist("from_tier") or list(settings.ADVANCEMENT_FROM_TIERS)
        return _form(request, chosen, request.GET.get("model", ""))
    tiers, model = request.POST.getlist("from_tier"), request.POST.get("model", "")
    action = request.POST.get("action", DRY)
    if not tiers:
        return _form(request, tiers, model, error="Choose at least one tier to look at.")
    if action == ASK:
        return _form(request, tiers, model, asking=True)
    wanted = RunRequest(
        from_tiers=tuple(tiers),
        lifecycle_model=model,
        dry_run=action != NOW,
        requested_by=request.user.get_username(),
    )
    try:
        run = start_run(wanted, trigger=RunTrigger.CONSOLE, leased=False)
    except AdvancementError as error:
        return _form(request, tiers, model, error=str(error))
    what = "Dry run" if run.dry_run else "Run"
    messages.success(request, f"{what} {run.pk} is started.")
    return redirect("console:run", run.pk)


def _form(
    request: HttpRequest, chosen: list[str], model: str, *, error: str = "", asking: bool = False
) -> HttpResponse:
    models = [one for one in map(partial(_choices, chosen, model), _models(model)) if one.tiers]
    context: dict[str, Any] = {
        "title": "Run now" if asking else "Start a run",
        "models": models,
        "fold": len(models) > _IN_FULL,
        "chosen": chosen,
        "model": model,
        "model_label": next((one.model.label for one in models if one.model.pk == model), model),
        "error": error,
        "now": "now" in request.GET,
        "refresh": SignalRefresh.objects.behind(),
        "max_share": settings.ADVANCEMENT_MAX_SHARE,
        "max_moves": settings.ADVANCEMENT_MAX_MOVES,
    }
    page = "console/start_run_now.html" if asking else "console/start_run.html"
    return render(request, page, context, status=422 if error else 200)


@dataclass(frozen=True)
class Choices:
    """A lifecycle model in the form: its tiers, how many are ticked, and whether they are worth a look."""

    model: LifecycleModel
    tiers: Sequence[Tier]
    ticked: int
    open: bool

    @property
    def label(self) -> str:
        """The model's label, marked where it is archived."""
        return f"{self.model.label} (archived)" if self.model.archived_at else self.model.label


def _models(asked_for: str) -> QuerySet[LifecycleModel]:
    """Return the models whose sprouts runs look at, and the one that was asked for."""
    models = current_models()
    if is_slug(asked_for):
        models |= LifecycleModel.objects.filter(pk=asked_for)
    return models.order_by("slug")


def _choices(chosen: Sequence[str], model: str, one: LifecycleModel) -> Choices:
    tiers = list(one.tiers.all())
    ticked = sum(tier.slug in chosen for tier in tiers)
    return Choices(one, tiers, ticked, one.pk == model or (not model and bool(ticked)))
