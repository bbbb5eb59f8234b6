"""The signals: as of when they are, what waits to become signals, and the button that refreshes them."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from advancement.criteria.errors import AdvancementError
from advancement.models import SignalRefresh
from advancement.rights import Right
from advancement.runs.refreshing import ask_for_refresh, refresh_state, take_back_refresh
from advancement.runs.waking import RUNS_CLUSTER, wake_up
from advancement.views.access import allows

_REFRESHES: Final = 20


@allows(GET=Right.VIEW_RUNS, POST=Right.START_RUNS)
def signals(request: HttpRequest) -> HttpResponse:
    """Show how refreshing stands; on POST ask the task cluster for a refresh."""
    if request.method == "POST":
        try:
            ask_for_refresh(by=request.user.get_username())
            wake_up(RUNS_CLUSTER)
        except AdvancementError as error:
            messages.error(request, str(error))
        return redirect("console:signals")
    part = "HX-Request" in request.headers
    context = {
        "title": "Signals",
        "state": refresh_state(),
        "refreshes": SignalRefresh.objects.defer("totals").order_by("-id")[:_REFRESHES],
        "swapped": part,
    }
    return render(request, f"console/{'parts/refresh_poll' if part else 'signals'}.html", context)


@allows(POST=Right.START_RUNS)
def take_back(request: HttpRequest) -> HttpResponse:
    """Forget a wish that nobody works on."""
    try:
        take_back_refresh()
        messages.success(request, "The refresh is taken back; the signals stay as they are.")
    except AdvancementError as error:
        messages.error(request, str(error))
    return redirect("console:signals")
