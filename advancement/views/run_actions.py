"""What somebody does about a run: cancel it, let it go on, approve it, discard it."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from advancement.criteria.errors import AdvancementError
from advancement.models import Run
from advancement.models.runs import RunKind, RunStatus
from advancement.rights import Right
from advancement.runs.decisions import approve, cancel, discard, resume
from advancement.runs.planned import lines_of, moves_of
from advancement.runs.standing import standing_of
from advancement.runs.waking import RUNS_CLUSTER, wake_up
from advancement.views.access import allows, require
from advancement.views.addresses import whole_number
from advancement.views.run_page import run_or_404

# From here on the number of moves is typed, to confirm them.
TYPED_ABOVE: Final = 500

_TITLES: Final = {"cancel": "Cancel", "drop": "Discard", "discard": "Discard", "approve": "Approve"}


@allows(GET=Right.START_RUNS, POST=Right.START_RUNS)
def cancel_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Ask whether to end a run where it stands, and end it."""
    run = _run_to_act_on(request, run_id)
    if request.method != "POST":
        return _ask(request, run, "cancel")
    return _try(request, run, lambda: cancel(run_id, by=_who(request)), f"Run {run_id} is cancelled.")


@allows(POST=Right.START_RUNS)
def resume_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Let a failed run go on from where it stopped."""
    run = _run_to_act_on(request, run_id)
    said = f"Run {run_id} goes on as soon as a worker takes it up."
    return _try(request, run, lambda: resume(run_id, by=_who(request)), said)


@allows(GET=Right.START_RUNS, POST=Right.START_RUNS)
def drop_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Ask why a dry run's plan, or what is left of a failed run, is dropped, and drop it."""
    run = _run_to_act_on(request, run_id)
    if run.status == RunStatus.HELD:  # an approver's decision
        return redirect("console:discard_run", run_id)
    return _discard(request, run, "drop")


@allows(GET=Right.APPROVE_RUNS, POST=Right.APPROVE_RUNS)
def discard_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Ask why a held run is not to go on, and discard it."""
    run = run_or_404(run_id)
    if run.status != RunStatus.HELD:
        messages.error(request, f"Run {run_id} is {run.status}, not held: there is nothing to decide.")
        return redirect("console:run", run_id)
    return _discard(request, run, "discard")


@allows(GET=Right.APPROVE_RUNS, POST=Right.APPROVE_RUNS)
def approve_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Ask why a held run may go on, and let it, less what was struck out of its plan."""
    run = run_or_404(run_id)
    if run.status != RunStatus.HELD:
        messages.error(request, f"Run {run_id} is {run.status}, not held: there is nothing to decide.")
        return redirect("console:run", run_id)
    if request.method != "POST":
        return _ask(request, run, "approve")
    left = moves_to_apply(run)
    if error := typed_count_error(request, left):
        return _ask(request, run, "approve", typed_error=error)
    reason, revision = request.POST.get("reason", ""), revision_seen(request)
    try:
        approve(run_id, by=_who(request), reason=reason, revision=revision)
    except AdvancementError as error:
        return _ask(request, run, "approve", error=str(error))
    wake_up(RUNS_CLUSTER)
    messages.success(request, f"Run {run_id} is approved: {left:,} moves are applied.")
    return redirect("console:run", run_id)


def typed_count_error(request: HttpRequest, count: int) -> str:
    """Return what is wrong with the number that was typed to confirm so many moves; empty when nothing is."""
    if count <= TYPED_ABOVE:
        return ""
    typed = "".join(c for c in request.POST.get("typed", "") if c not in ", .\u00a0\u202f")
    return "" if typed == str(count) else f"Type {count:,} to confirm that many moves."


def revision_seen(request: HttpRequest) -> int:
    """Return the revision of the review that whoever decides has seen; -1, which none has, for nonsense."""
    seen = whole_number(request.POST.get("revision"))
    return -1 if seen is None else seen


def moves_to_apply(run: Run) -> int:
    """Return how many moves of a plan are not struck out."""
    return run.moves_planned - moves_of(run, struck=True).count()


def _discard(request: HttpRequest, run: Run, action: str) -> HttpResponse:
    if request.method != "POST":
        return _ask(request, run, action)
    try:
        discard(run.pk, by=_who(request), reason=request.POST.get("reason", ""))
    except AdvancementError as error:
        return _ask(request, run, action, error=str(error))
    messages.success(request, f"Run {run.pk} is discarded.")
    return redirect("console:run", run.pk)


def _ask(
    request: HttpRequest, run: Run, action: str, *, error: str = "", typed_error: str = ""
) -> HttpResponse:
    standing = standing_of(run)
    left = moves_to_apply(run)
    context: dict[str, Any] = {
        "run": run,
        "action": action,
        "standing": standing,
        "to_apply": left,
        "lines": lines_of(run) if action == "approve" else [],
        "typed": left > TYPED_ABOVE and action == "approve",
        "reason": request.POST.get("reason", ""),
        "error": error,
        "typed_error": typed_error,
        "title": f"{_TITLES[action]} run {run.pk}",
    }
    return render(request, "console/run_decision.html", context, status=422 if error or typed_error else 200)


def _run_to_act_on(request: HttpRequest, run_id: int) -> Run:
    """Return a run that whoever asks may act on: rollbacks belong to those who may roll back."""
    run = run_or_404(run_id)
    if run.kind == RunKind.ROLLBACK:
        require(request, Right.ROLL_BACK)
    return run


def _try(request: HttpRequest, run: Run, act: Callable[[], None], said: str) -> HttpResponse:
    try:
        act()
    except AdvancementError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    return redirect("console:run", run.pk)


def _who(request: HttpRequest) -> str:
    return request.user.get_username()
