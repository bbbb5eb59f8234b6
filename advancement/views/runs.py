"""The list of runs."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from advancement.models import Move, Run
from advancement.models.runs import RunKind, RunStatus, RunTrigger
from advancement.rights import Right
from advancement.runs.planned import struck_of, titles_of
from advancement.views.access import allows
from advancement.views.addresses import query_of
from advancement.views.paging import count_up_to, page_of

_HELD_SHOWN: Final = 5
_DRY: Final = {"dry": True, "real": False}


@allows(GET=Right.VIEW_RUNS)
def runs(request: HttpRequest) -> HttpResponse:
    """Show the runs, newest first, those that wait for a decision above them."""
    chosen = {
        name: request.GET.get(name, "").strip() for name in ("kind", "status", "trigger", "what", "who")
    }
    found = _filtered(chosen)
    page = page_of(found, request, newest_first=True)
    overridden = _overridden(page.rows)
    count, more = count_up_to(found)
    held = list(Run.objects.filter(status=RunStatus.HELD).order_by("-id")[: _HELD_SHOWN + 1])
    struck = struck_of({run.pk: run for run in [*held, *page.rows]}.values())
    context: dict[str, Any] = {
        "title": "Runs",
        "page": page,
        "rows": [
            (run, run.moves_planned - struck.get(run.pk, run.moves_struck), overridden.get(run.pk))
            for run in page.rows
        ],
        "count": count,
        "more": more,
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "query": query_of(chosen),
        "kinds": RunKind.choices,
        "statuses": RunStatus.choices,
        "triggers": RunTrigger.choices,
        "held": [(run, run.moves_planned - struck.get(run.pk, 0)) for run in held[:_HELD_SHOWN]],
        "more_held": len(held) > _HELD_SHOWN,
    }
    return render(request, "console/runs.html", context)


def _filtered(chosen: dict[str, str]) -> "QuerySet[Run]":
    """Return the runs that the filters leave; a value that cannot be leaves none."""
    found = Run.objects.select_related("undoes")
    for column in ("kind", "status", "trigger"):
        if chosen[column]:
            found = found.filter(**{column: chosen[column]})
    if chosen["what"]:
        found = found.filter(dry_run=_DRY.get(chosen["what"], False))
    if who := chosen["who"]:
        found = found.filter(Q(requested_by__icontains=who) | Q(decided_by__icontains=who))
    return found


def _overridden(rows: Sequence[Run]) -> dict[int, tuple[UUID, str | None]]:
    """Return the sprouts of the overrides among the runs: id and title, by run."""
    overrides = [run.pk for run in rows if run.kind == RunKind.OVERRIDE]
    if not overrides:
        return {}
    moves = dict(Move.objects.filter(run__in=overrides, position=1).values_list("run", "sprout"))
    titles = titles_of(list(moves.values()))
    return {run: (sprout, titles[sprout][0] if sprout in titles else None) for run, sprout in moves.items()}
