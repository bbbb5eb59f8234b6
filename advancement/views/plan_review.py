"""What a reviewer does with a plan: leave moves out and put them back, apply it."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from advancement.apply.skipped import changed_since_planned
from advancement.criteria.errors import AdvancementError
from advancement.models import Move, Run
from advancement.models.runs import RunStatus
from advancement.remembered import MANY
from advancement.rights import Right
from advancement.runs.decisions import apply_plan
from advancement.runs.planned import lines_of, moves_of
from advancement.runs.review import ReviewChanged, set_struck
from advancement.views.access import allows, may
from advancement.views.addresses import query_of, whole_number
from advancement.views.plans import plan_or_404, rights, rows_of, staleness, totals
from advancement.views.run_actions import TYPED_ABOVE, moves_to_apply, revision_seen, typed_count_error


@allows(POST=Right.START_RUNS)
def strike(request: HttpRequest, run_id: int) -> HttpResponse:
    """Leave moves out of a dry run's plan, or put them back."""
    return _strike(request, plan_or_404(run_id), RunStatus.PLANNED)


@allows(POST=Right.APPROVE_RUNS)
def strike_held(request: HttpRequest, run_id: int) -> HttpResponse:
    """Leave moves out of a held run's plan, or put them back."""
    return _strike(request, plan_or_404(run_id), RunStatus.HELD)


def _strike(request: HttpRequest, run: Run, status: RunStatus) -> HttpResponse:
    back = f"{reverse('console:plan', args=(run.pk,))}?{_place(request)}".rstrip("?")
    struck = request.POST.get("struck") != "0"
    position = whole_number(request.POST.get("position"))
    try:
        if run.status != status:
            raise AdvancementError(
                f"The plan of run {run.pk} does not wait for this any more: it is {run.status}."
            )
        moves = _chosen(request, run, position)
        changed = set_struck(run.pk, moves, struck=struck)
    except AdvancementError as error:
        messages.error(request, str(error))
        return HttpResponseClientRedirect(back) if request.headers.get("HX-Request") else redirect(back)
    run.refresh_from_db()
    others = run.review_revision - _seen(request) - bool(changed)
    if position is not None and request.headers.get("HX-Request"):
        return _row(request, run, position, others=bool(others))
    if position is None:
        what = "left out" if struck else "put back"
        messages.success(request, f"{changed:,} move{'' if changed == 1 else 's'} {what}.")
    if others:
        messages.warning(request, _OTHERS)
    return redirect(back + (f"#move-{position}" if position else ""))


def _seen(request: HttpRequest) -> int:
    """Return the revision of the review that is shown: of the page, which is newer than that of its rows."""
    seen = whole_number(request.POST.get("seen"))
    return revision_seen(request) if seen is None else seen


_OTHERS: Final = "Somebody else changed what is left out as well; look at it before you apply."


def _chosen(request: HttpRequest, run: Run, position: int | None) -> Any:
    """Return the move that is named, or all that the filters show."""
    if position is not None:
        named = moves_of(run).filter(position=position)
        if not named.exists():
            raise AdvancementError(f"The plan of run {run.pk} has no move {position:,}: nothing was changed.")
        return named
    if request.POST.get("all") != "1":
        raise AdvancementError("Nothing was chosen.")
    return moves_of(run, title=request.POST.get("q", "").strip(), rule=request.POST.get("rule", ""))


def _place(request: HttpRequest) -> str:
    return query_of({name: request.POST.get(name) for name in ("q", "rule", "show", "after", "before")})


def _row(request: HttpRequest, run: Run, position: int, *, others: bool) -> HttpResponse:
    """Answer with the row as it now is, and with the sums and the bar that it changes."""
    lines = lines_of(run, criteria=True)
    planned = [line.version for line in lines if line.version]
    rows = rows_of(run, list(Move.objects.filter(run=run.pk, position=position)), planned)
    sums = totals(run, lines)
    changed = sum(changed_since_planned(run).values()) if run.moves_planned < MANY else 0
    context = {
        **sums,
        **staleness(changed, sums["to_apply"]),
        **rights(request, run),
        "rows": rows,
        "others": _OTHERS if others else "",
        "swapped": True,
        "after": request.POST.get("after", ""),
        "before": request.POST.get("before", ""),
        "chosen": {name: request.POST.get(name, "") for name in ("q", "rule", "show")},
    }
    return render(request, "console/parts/plan_struck.html", context)


@allows(GET=Right.START_RUNS, POST=Right.START_RUNS)
def apply(request: HttpRequest, run_id: int) -> HttpResponse:
    """Apply a dry run's plan as it was reviewed; of a large one the number is typed first."""
    run = plan_or_404(run_id)
    count = moves_to_apply(run)
    if request.method != "POST":
        return _ask_to_apply(request, run, count)
    if error := typed_count_error(request, count):
        return _ask_to_apply(request, run, count, typed_error=error)
    try:
        run = apply_plan(run_id, revision=revision_seen(request), by=request.user.get_username())
    except ReviewChanged:
        messages.error(request, f"Nothing was applied: {_what_changed(request, run)}")
        return redirect("console:plan", run_id)
    except AdvancementError as error:
        messages.error(request, str(error))
        return redirect("console:plan", run_id)
    if run.status == RunStatus.HELD:
        # The run's page says that it is held, and why; who may decide goes on to that.
        return redirect(
            "console:approve_run" if may(request.user, Right.APPROVE_RUNS) else "console:run", run_id
        )
    messages.success(request, f"{count:,} moves of run {run_id} are applied as soon as a worker takes it up.")
    return redirect("console:run", run_id)


def _ask_to_apply(request: HttpRequest, run: Run, count: int, *, typed_error: str = "") -> HttpResponse:
    if run.status != RunStatus.PLANNED or not run.dry_run:
        messages.error(request, f"The plan of run {run.pk} was decided about already: it is {run.status}.")
        return redirect("console:plan", run.pk)
    context = {
        **totals(run, lines_of(run)),
        "title": f"Apply the plan of run {run.pk}",
        "typed": count > TYPED_ABOVE,
        "typed_error": typed_error,
    }
    return render(request, "console/apply_plan.html", context, status=422 if typed_error else 200)


def _what_changed(request: HttpRequest, run: Run) -> str:
    """Say what a review that changed looks like now, beside what whoever decides saw."""
    now = moves_of(run, struck=True).count()
    saw = whole_number(request.POST.get("struck_seen"))
    before = "" if saw is None else f", not the {saw:,} that you saw"
    return f"somebody changed the review. {now:,} moves are left out now{before}. Look at it, then decide."
