"""The form of a lifecycle model: its label and its ladder of tiers, new or as it is."""

from dataclasses import dataclass, replace

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from advancement.criteria.errors import AdvancementError
from advancement.evaluation.counts import count_sprouts
from advancement.forms.ladders import (
    Faults,
    LadderEntry,
    TierEntry,
    after_step,
    blank_ladder,
    faults_of,
    filled_in,
    ladder_of,
    read_ladder,
    rungs_of,
    without_blank_rows,
)
from advancement.ladders import MOST_TIERS, Taken, add_ladder, change_ladder
from advancement.models import LifecycleModel
from advancement.rights import Right
from advancement.rulebook.reading import active_versions
from advancement.views.access import allows
from advancement.views.lifecycles import TO_ADD, TO_CHANGE, Use, require_all, use_of


@dataclass(frozen=True)
class Row:
    """A row as it is shown: what was typed, what is wrong with it, and what stands on the tier."""

    index: int
    entry: TierEntry
    fault: str
    use: Use | None

    @property
    def number(self) -> int:
        """Its place as people count."""
        return self.index + 1

    @property
    def ids(self) -> dict[str, str]:
        """The ids of its fields and buttons."""
        return {name: f"tier-{self.index}-{name}" for name in ("emoji", "label", "up", "down")}


@allows(GET=Right.EDIT_LIFECYCLES, POST=Right.EDIT_LIFECYCLES)
def new_lifecycle(request: HttpRequest) -> HttpResponse:
    """Show the form of a new model; POST takes a step in it, or saves it."""
    require_all(request, TO_ADD)
    if request.method != "POST":
        return _form(request, blank_ladder())
    return _answer(request, read_ladder(request.POST))


@allows(GET=Right.EDIT_LIFECYCLES, POST=Right.EDIT_LIFECYCLES)
def edit_lifecycle(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the form of a model; POST takes a step in it, or saves it."""
    require_all(request, TO_CHANGE)
    model = LifecycleModel.objects.prefetch_related("tiers").filter(pk=slug).first()
    if model is None:
        raise Http404(f"There is no lifecycle model {slug}.")
    if request.method != "POST":
        return _form(request, ladder_of(model, list(model.tiers.all())), model)
    entry = read_ladder(request.POST)
    return _answer(request, replace(entry, slug=model.slug), model)


def _answer(request: HttpRequest, entry: LadderEntry, model: LifecycleModel | None = None) -> HttpResponse:
    action = request.POST.get("action", "save")
    if step := after_step(entry, action):
        return _form(request, step[0], model, focus=step[1])
    # What comes back with a fault is what was typed: a slug that was made of a label follows it.
    typed = without_blank_rows(entry)
    entry = filled_in(typed)
    emojis = {tier.emoji for tier in model.tiers.all()} if model else set()
    if faults := faults_of(entry, emojis):
        return _form(request, typed, model, faults=faults, status=422)
    try:
        if model is None:
            saved = add_ladder(entry.slug, entry.label, rungs_of(entry))
        else:
            saved = change_ladder(entry.slug, entry.label, rungs_of(entry), seen=entry.seen)
    except Taken as taken:
        return _form(request, typed, model, faults=Faults({taken.field: str(taken)}), status=422)
    except AdvancementError as error:
        return _form(request, typed, model, refusal=str(error), status=422)
    said = "is saved" if model else "is there; sprouts may be imported into it"
    messages.success(request, f"The lifecycle model {saved.label} {said}.")
    return redirect("console:lifecycles")


def _form(
    request: HttpRequest,
    entry: LadderEntry,
    model: LifecycleModel | None = None,
    *,
    faults: Faults | None = None,
    refusal: str = "",
    focus: str = "",
    status: int = 200,
) -> HttpResponse:
    faults = faults or Faults()
    uses = _uses(model)
    context = {
        "title": model.label if model else "New lifecycle model",
        "model": model,
        "entry": entry,
        "rows": [
            Row(index, row, faults.rows.get(index, ""), uses.get(row.slug) if row.there else None)
            for index, row in enumerate(entry.tiers)
        ],
        "faults": faults,
        "refusal": refusal,
        "focus": focus,
        "most_tiers": MOST_TIERS,
    }
    part = focus and getattr(request, "htmx", False)
    template = "console/parts/ladder_rows.html" if part else "console/ladder_form.html"
    return render(request, template, context, status=status)


def _uses(model: LifecycleModel | None) -> dict[str, Use]:
    """Return what stands on each tier of a model."""
    if model is None:
        return {}
    counts, rules = count_sprouts(), active_versions()
    return {tier.slug: use_of(tier, counts, rules) for tier in model.tiers.all()}
