"""The list of advancement rules."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from advancement.rights import Right
from advancement.views.access import allows


@allows(GET=Right.VIEW_RULES)
def rules(request: HttpRequest) -> HttpResponse:
    """Lead to the records."""
    return redirect("admin:advancement_advancementrule_changelist")
