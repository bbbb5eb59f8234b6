"""The plan of a run."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from advancement.rights import Right
from advancement.views.access import allows


@allows(GET=Right.VIEW_RUNS)
def plan(request: HttpRequest, run_id: int) -> HttpResponse:
    """Lead to the records."""
    return redirect("admin:advancement_run_changelist")
