"""What the buttons of a rollback's page do."""

from collections.abc import Callable
from typing import Final, Protocol

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django_htmx.http import HttpResponseClientRefresh

from advancement.criteria.errors import AdvancementError
from advancement.criteria.wording import format_number
from advancement.database.clock import database_now
from advancement.models import Move, Run
from advancement.models.runs import RunStatus
from advancement.rights import Right
from advancement.rollback.changes import Changes, changes_since_planned
from advancement.rollback.figures import figures_of
from advancement.rollback.scope import RollbackRequest
from advancement.runs.decisions import confirm_rollback, discard
from advancement.runs.review import set_struck, under_review
from advancement.views.access import may
from advancement.views.rollbacks.confirmation import Confirmation
from advancement.views.rollbacks.planning import MOST_AT_ONCE, make_plan, plan_again
from advancement.views.rollbacks.rows import moves_matching, search_term

# A page has so many rows; a form that names more was not made by it.
_MOST_NAMED: Final = 500


class Show(Protocol):
    """Answers with the review as it stands, and what is wrong with what was sent."""

    def __call__(
        self, request: HttpRequest, run: Run, form: Confirmation, changes: Changes | None
    ) -> HttpResponse:
        """Answer."""


def act(request: HttpRequest, run: Run, *, show: Show) -> HttpResponse | None:
    """Do what was asked for; return where that leads to, None where the page itself shows it.

    What is not possible any more is said in a message on the page as it stands.
    """
    wanted = request.POST.get("do", "ticks")
    try:
        if wanted == "confirm":
            return _confirm(request, run, show)
        if wanted in _CHOICES:
            _CHOICES[wanted](request, run)
            return None
        if wanted in {"unwind", "keep_later", "plan_again"}:
            return _plan_again(request, run, wanted)
        if wanted == "discard":
            discard(run.pk, by=_who(request), reason="Not wanted.")
            messages.success(request, f"The plan of run {run.pk} was discarded; nothing was rolled back.")
            return redirect("console:rollback")
        if wanted == "undo":
            return _undo(request, run)
        raise AdvancementError("This page has no such button; it may be older than the console. Try again.")
    except AdvancementError as error:
        messages.error(request, str(error))
        return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    """Show the whole page as it now stands."""
    if getattr(request, "htmx", False):
        return HttpResponseClientRefresh()
    return HttpResponseRedirect(request.get_full_path())


def _who(request: HttpRequest) -> str:
    return request.user.get_username()


# --- Choosing ------------------------------------------------------------------------------------


def _ticks(request: HttpRequest, run: Run) -> int:
    """Exclude the rows that were chosen and are not ticked any more, put back those that are ticked now."""
    ticked, chosen = _positions(request, "row"), _positions(request, "chosen")
    changed = _strike(run, chosen - ticked, struck=True)
    return changed + _strike(run, ticked - chosen, struck=False)


def _strike(run: Run, positions: set[int], *, struck: bool) -> int:
    if not positions:
        return 0
    return set_struck(run.pk, Move.objects.filter(position__in=positions), struck=struck)


def _matching(request: HttpRequest, run: Run, *, struck: bool) -> int:
    return set_struck(run.pk, moves_matching(run, search_term(request)), struck=struck)


_CHOICES: Final[dict[str, Callable[[HttpRequest, Run], int]]] = {
    "ticks": _ticks,
    "exclude_page": lambda request, run: _strike(run, _positions(request, "shown"), struck=True),
    "put_back_page": lambda request, run: _strike(run, _positions(request, "shown"), struck=False),
    "exclude_matching": lambda request, run: _matching(request, run, struck=True),
    "put_back_matching": lambda request, run: _matching(request, run, struck=False),
}


def _positions(request: HttpRequest, name: str) -> set[int]:
    values = request.POST.getlist(name)[:_MOST_NAMED]
    return {int(value) for value in values if value.isascii() and value.isdigit() and len(value) < 10}


# --- Planning, confirming, undoing ---------------------------------------------------------------


def _plan_again(request: HttpRequest, run: Run, wanted: str) -> HttpResponse:
    if run.status not in {RunStatus.PLANNED, RunStatus.FAILED, RunStatus.DISCARDED} or not run.dry_run:
        raise AdvancementError(f"Run {run.pk} is {run.status}; it is not planned again.")
    unwind = run.unwind if wanted == "plan_again" else wanted == "unwind"
    reason = request.POST.get("reason", run.reason).replace("\0", "")
    new = plan_again(run, unwind=unwind, reason=reason, by=_who(request))
    return redirect("console:review_rollback", new.pk)


def _confirm(request: HttpRequest, run: Run, show: Show) -> HttpResponse:
    form = Confirmation.filled_in(request.POST)
    if not under_review(run):
        by = f" by {run.decided_by}" if run.decided_by else ""
        raise AdvancementError(f"Run {run.pk} was decided about already{by}: it is {run.status}.")
    figures = figures_of(run)
    if form.revision != run.review_revision:
        form.errors["revision"] = (
            f"Somebody changed what is excluded: {format_number(figures.chosen)} are chosen now."
        )
        form.revision = run.review_revision
    if not form.check(figures):
        return show(request, run, form, None)
    changes = changes_since_planned(run)
    if changes.sprouts and changes.mark != form.seen:
        return show(request, run, form, changes)
    try:
        confirm_rollback(
            run.pk,
            digest=form.digest,
            revision=form.revision,
            by=_who(request),
            reason=form.reason,
            hold=form.hold and not run.undoes_id,
            hold_until=form.hold_until(database_now()) if form.hold and not run.undoes_id else None,
            disable_rules=form.disable and not run.undoes_id and may(request.user, Right.DISABLE_RULES),
        )
    except AdvancementError as error:
        now = Run.objects.get(pk=run.pk)
        if not under_review(now):
            raise
        form.errors["revision"], form.revision = str(error), now.review_revision
        return show(request, now, form, None)
    return redirect("console:review_rollback", run.pk)


def _undo(request: HttpRequest, run: Run) -> HttpResponse:
    wanted = RollbackRequest(reason="", requested_by=_who(request), undoes=run.pk, dry_run=True)
    new = make_plan(wanted, at_once=run.advanced <= MOST_AT_ONCE)
    return redirect("console:review_rollback", new.pk)
