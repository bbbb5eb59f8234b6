"""A run's page: how far it has got, what became of everything, its log."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from advancement.models import AdvancementEvent, Move, Run, RunLogLine, Seal, SignalRefresh
from advancement.models.runs import RunKind, RunLogLevel, RunStatus
from advancement.rights import Right
from advancement.runs.diary import RETRIED
from advancement.runs.planned import Reason, lines_of, reasons_of, tally_of, titles_of
from advancement.runs.review import under_review
from advancement.runs.standing import Standing, standing_of, unfinished
from advancement.runs.waiting import waiting, waits_because
from advancement.templatetags.runs import run_name
from advancement.views.access import allows, may
from advancement.views.addresses import whole_number
from advancement.views.run_phases import phases_of
from advancement.views.turns import Since, since

LINES_SHOWN: Final = 200
_TROUBLES_SHOWN: Final = 20
_CHUNK: Final = 1_000


def run_or_404(run_id: int) -> Run:
    """Return a run; raise Http404 with a sentence when there is none."""
    run = Run.objects.select_related("superseded_by", "undoes").filter(pk=run_id).first()
    if run is None:
        raise Http404(f"There is no run {run_id}.")
    return run


@allows(GET=Right.VIEW_RUNS)
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Show a run, whatever its kind and wherever it stands."""
    found = run_or_404(run_id)
    standing = standing_of(found)
    rules = lines_of(found)
    struck = sum(line.struck for line in rules)
    reasons, more_reasons = reasons_of(found)
    lines = _newest_lines(found)
    turned = since(found, standing.made)
    context = {
        **_progress(found, standing, lines, struck),
        "title": run_name(found),
        "struck": struck,
        "to_apply": standing.total - struck,
        "left_out_by_hand": struck or found.moves_struck,
        "tally": tally_of(found, standing, struck=struck),
        "rules": rules,
        "reasons": reasons,
        "more_reasons": more_reasons,
        "troubles": _troubles(found, lines),
        "sprout": _overridden(found),
        "since": turned,
        "rights": _rights(request, found, turned),
        "lines": lines,
        "first_lines_left_out": len(lines) == LINES_SHOWN,
    }
    return render(request, "console/run.html", context)


@allows(GET=Right.VIEW_RUNS)
def run_progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """Answer the page's question how far it has got; lead on when the run has come to another state."""
    found = run_or_404(run_id)
    if not request.headers.get("HX-Request"):
        return redirect("console:run", run_id)
    if found.status != request.GET.get("seen") or not unfinished(found):
        if found.dry_run and found.status == RunStatus.PLANNED and found.kind == RunKind.ADVANCEMENT:
            return HttpResponseClientRedirect(reverse("console:plan", args=(run_id,)))
        return HttpResponseClientRefresh()
    after = whole_number(request.GET.get("after")) or 0
    lines = list(RunLogLine.objects.filter(run=run_id, pk__gt=after).order_by("id")[:LINES_SHOWN])
    context = _progress(found, standing_of(found), lines) | {"lines": lines}
    if not lines:
        context["last_line"] = after
    return render(request, "console/parts/run_poll.html", context)


@allows(GET=Right.VIEW_RUNS)
def run_rules(request: HttpRequest, run_id: int) -> HttpResponse:
    """Answer how far each rule has got."""
    found = run_or_404(run_id)
    if not request.headers.get("HX-Request"):
        return redirect("console:run", run_id)
    context = {"run": found, "rules": lines_of(found), "live": unfinished(found)}
    return render(request, "console/parts/run_rules.html", context)


@allows(GET=Right.VIEW_RUNS)
def run_log(request: HttpRequest, run_id: int) -> StreamingHttpResponse:
    """Give the whole log as plain text."""
    response = StreamingHttpResponse(_log_lines(run_or_404(run_id)), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{run_id}.log"'
    return response


def _log_lines(found: Run) -> Iterator[str]:
    last = 0
    while lines := list(RunLogLine.objects.filter(run=found.pk, pk__gt=last).order_by("pk")[:_CHUNK]):
        for line in lines:
            text = " ".join(line.text.split())
            yield f"{line.at:%Y-%m-%dT%H:%M:%S}Z {line.level.upper():<7} {text}\n"
        last = lines[-1].pk


def _progress(found: Run, standing: Standing, lines: Sequence[RunLogLine], struck: int = 0) -> dict[str, Any]:
    refresh, seal = _signals_of(found), Seal.objects.filter(run_id=found.pk).first()
    return {
        "refresh": refresh,
        "seal": seal,
        "phases": phases_of(found, standing, refresh, seal, struck=struck),
        "run": found,
        "standing": standing,
        "live": unfinished(found),
        "review": under_review(found),
        "waits": waits_because(waiting(found)),
        "last_line": lines[-1].pk if lines else 0,
    }


def _newest_lines(found: Run) -> list[RunLogLine]:
    return list(RunLogLine.objects.filter(run=found.pk).order_by("-pk")[:LINES_SHOWN])[::-1]


def _troubles(found: Run, lines: Sequence[RunLogLine]) -> list[Reason]:
    """Return the errors that the log tells of, the same ones together; `lines` are its newest."""
    if len(lines) == LINES_SHOWN:  # there may be others among the older ones
        wrong = RunLogLine.objects.filter(run=found.pk).exclude(level=RunLogLevel.INFO).order_by("-pk")
        lines = list(wrong[:LINES_SHOWN])
    counts: dict[tuple[str, str], int] = {}
    for level, text in ((line.level, line.text) for line in lines if line.level != RunLogLevel.INFO):
        # The same error after another wait is the same.
        said = text.partition(" s: ")[2] if text.startswith(RETRIED) else text
        kind = "retried" if said != text else level
        if kind != RunLogLevel.WARNING:  # what a person did, or a guardrail, stands above
            counts[kind, said] = counts.get((kind, said), 0) + 1
    return [Reason(kind, said, count) for (kind, said), count in counts.items()][:_TROUBLES_SHOWN]


def _signals_of(found: Run) -> SignalRefresh | None:
    """Return the refresh of the signals that the run judged by; that of now before it has its plan."""
    refreshes = SignalRefresh.objects.all()
    if found.planned_at:
        refreshes = refreshes.filter(finished_at__lte=found.planned_at)
    return refreshes.behind()


def _overridden(found: Run) -> tuple[Any, str | None, Move] | None:
    """Return the sprout of an override: id, title, and its move."""
    move = Move.objects.filter(run=found.pk, position=1).first() if found.kind == RunKind.OVERRIDE else None
    if move is None:
        return None
    title = titles_of([move.sprout_id]).get(move.sprout_id)
    event = AdvancementEvent.objects.filter(run_id=found.pk).only("lifecycle_model_id").first()
    move.lifecycle_model = event.lifecycle_model_id if event else ""  # type: ignore[attr-defined]
    return move.sprout_id, title[0] if title else None, move


def _rights(request: HttpRequest, found: Run, turned: Since) -> dict[str, bool]:
    """Return what whoever asks may do about the run in the state that it is in."""
    user = request.user
    acts = may(user, Right.ROLL_BACK if found.kind == RunKind.ROLLBACK else Right.START_RUNS)
    moved = found.kind == RunKind.ADVANCEMENT and not found.dry_run and bool(found.cursor)
    ended = found.status in {RunStatus.SUCCEEDED, RunStatus.CANCELLED, RunStatus.DISCARDED}
    return {
        "cancel": acts and unfinished(found),
        "resume": acts and found.status == RunStatus.FAILED,
        "discard": acts and found.status == RunStatus.FAILED,
        "decide": may(user, Right.APPROVE_RUNS) and found.status == RunStatus.HELD,
        "roll_back": may(user, Right.ROLL_BACK) and moved and ended and bool(turned.standing),
    }
