"""Runs and their pages."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from advancement.rights import Right
from advancement.views.access import allows


@allows(GET=Right.VIEW_RUNS)
def runs(request: HttpRequest) -> HttpResponse:
    """Lead to the records."""
    return redirect("admin:advancement_run_changelist")


@allows(GET=Right.START_RUNS)
def start(request: HttpRequest) -> HttpResponse:
    """Lead to the records."""
    return redirect("admin:advancement_run_changelist")


@allows(GET=Right.VIEW_RUNS)
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Lead to the records."""
    return redirect("admin:advancement_run_changelist")
