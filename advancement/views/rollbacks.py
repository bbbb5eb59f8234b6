"""The wizard for bulk rollbacks."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from advancement.rights import Right
from advancement.views.access import allows


@allows(GET=Right.ROLL_BACK)
def scope(request: HttpRequest) -> HttpResponse:
    """Lead to the records."""
    return redirect("admin:advancement_run_changelist")


@allows(GET=Right.ROLL_BACK)
def review(request: HttpRequest, run_id: int) -> HttpResponse:
    """Lead to the records."""
    return redirect("admin:advancement_run_changelist")
