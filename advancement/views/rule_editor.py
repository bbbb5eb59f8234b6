"""The rule editor."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from advancement.rights import Right
from advancement.views.access import allows


@allows(GET=Right.DRAFT_RULES)
def new_rule(request: HttpRequest) -> HttpResponse:
    """Lead to the records."""
    return redirect("admin:advancement_advancementrule_changelist")


@allows(GET=Right.VIEW_RULES)
def rule(request: HttpRequest, slug: str) -> HttpResponse:
    """Lead to the records."""
    return redirect("admin:advancement_advancementrule_changelist")
