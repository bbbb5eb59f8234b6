"""The list of advancement rules, and counting what they match."""

from typing import Any, Final

import django.db
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from advancement.evaluation.counts import refresh_counts
from advancement.models import Tier
from advancement.rights import Right
from advancement.runs.schedule import next_slot
from advancement.views.access import allows, may
from advancement.views.rule_filter import STATES, Filter, hidden, page_after
from advancement.views.rule_list import RuleList
from advancement.views.rule_marks import marks
from advancement.views.shell import Console

# What a row has actions for, besides its switch.
_ROW_ACTIONS: Final = (Right.DRAFT_RULES, Right.EXPORT_DATA, Right.DISABLE_RULES, Right.ACTIVATE_RULES)


@allows(GET=Right.VIEW_RULES)
def rules(request: HttpRequest) -> HttpResponse:
    """Show every rule, or those that the address filters; out-of-date figures are loaded afterwards."""
    context = _context(request, request.GET)
    context |= {"title": "Advancement rules", "next_slot": next_slot(timezone.now())}
    context["load"] = context["rules"].stale
    return render(request, "console/rules.html", context)


@allows(POST=Right.VIEW_RULES)
def count_rules(request: HttpRequest) -> HttpResponse:
    """Count what is missing or out of date, then show the list again as the address filters it.

    By POST, since it writes; what it writes is a cache that everybody who may look at rules may fill.
    """
    try:
        done = refresh_counts()
    except django.db.OperationalError:
        done = None
    if request.headers.get("HX-Request"):
        context = _context(request, request.GET)
        return render(
            request, "console/parts/rules_counted.html", context | {"counting_failed": done is None}
        )
    if done is None:
        messages.error(request, "The matches could not be counted; the database is busy. Try again later.")
    elif not done:
        messages.info(request, "Somebody else is counting right now; look again in a few seconds.")
    query = request.GET.urlencode()
    return redirect(reverse("console:rules") + (f"?{query}" if query else ""))


def _context(request: HttpRequest, query: QueryDict) -> dict[str, Any]:
    shell = Console(request)
    tiers = Tier.objects.select_related("lifecycle_model")
    shell.tiers = {(tier.lifecycle_model_id, tier.slug): tier for tier in tiers}
    found, wanted = RuleList(shell.tiers), Filter.of(query)
    accepted = [row for row in found.rows if wanted.accepts(row)]
    shown, former, following = page_after(accepted, query.get("after", ""))
    found.finish(shown)
    return {
        "console": shell,
        "rules": found,
        "shown": [(row, marks(row)) for row in shown],
        "accepted": len(accepted),
        "hidden": hidden(found.rows, wanted),
        "filter": wanted,
        "states": STATES.items(),
        "from_tiers": found.from_tiers(wanted.model),
        "query": query.urlencode(),
        "first_page": _without(query) if query.get("after") else "",
        "former_page": _without(query, after=former) if former else "",
        "next_page": _without(query, after=following) if following else "",
        "may_enable": may(request.user, Right.ACTIVATE_RULES),
        "may_disable": may(request.user, Right.DISABLE_RULES),
        "row_actions": any(may(request.user, right) for right in _ROW_ACTIONS),
    }


def _without(query: QueryDict, **more: str) -> str:
    """Return the address's parameters without the page, and with other ones."""
    other = query.copy()
    other.pop("after", None)
    for name, value in more.items():
        other[name] = value
    return f"?{other.urlencode()}"
