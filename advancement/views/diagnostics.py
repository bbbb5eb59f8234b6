"""Diagnostics: what whoever is asked for help needs to know, to be read, copied and handed on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from advancement.diagnostics.report import diagnose
from advancement.rights import Right
from advancement.views.access import allows


@allows(GET=Right.EXPORT_DATA)
def diagnostics(request: HttpRequest) -> HttpResponse:
    """Show the report, section by section."""
    report = diagnose()
    context = {"title": "Diagnostics", "report": report}
    return render(request, "console/diagnostics.html", context)


@allows(GET=Right.EXPORT_DATA)
def diagnostics_text(request: HttpRequest) -> HttpResponse:
    """Give the same as plain text, as manage.py diagnose prints it."""
    return HttpResponse(f"{diagnose()}\n", content_type="text/plain; charset=utf-8")
