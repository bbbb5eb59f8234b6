"""The first step: what is to be taken back, and how much that is."""

import dataclasses
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from advancement.criteria.errors import AdvancementError
from advancement.models import AdvancementEvent, AdvancementRule, Run
from advancement.models.runs import RunKind
from advancement.rights import Right
from advancement.rollback.scope import RollbackRequest, count_standing, events_in_scope
from advancement.views.access import allows
from advancement.views.paging import MOST_COUNTED
from advancement.views.rollbacks.planning import MOST_AT_ONCE, make_plan, replace
from advancement.views.rollbacks.scope_form import AGES, EVERYTHING, Scope, ScopeForm
from advancement.views.rollbacks.wording import (
    rules_by_slug,
    scope_address,
    scope_words,
    title_of,
    titles,
)

_RUNS_LISTED = 20
_RANGES = (
    ("24h", "Last 24 hours", "A mistake of last night is in it, older work is not."),
    ("7d", "Last 7 days", ""),
    ("30d", "Last 30 days", ""),
    ("all", "Everything by the rule, in the run or of the sprout, whenever it was", ""),
    ("between", "From – to", ""),
)


@allows(GET=Right.ROLL_BACK, POST=Right.ROLL_BACK)
def scope(request: HttpRequest) -> HttpResponse:
    """Show the form and how many events it finds; POST makes the plan and leads to its review."""
    form = ScopeForm(request.POST if request.method == "POST" else request.GET)
    if request.method != "POST":
        part = bool(getattr(request, "htmx", False))
        template = "console/parts/rollback_count.html" if part else "console/rollback_scope.html"
        return render(request, template, _context(form))
    if form.scope is None:
        return render(request, "console/rollback_scope.html", _context(form), status=422)
    counted = count_standing(events_in_scope(form.scope.as_run()), MOST_AT_ONCE)
    if counted.nothing:
        return redirect(_again(form))
    return _plan(request, form, form.scope, large=not counted.whole)


def _plan(request: HttpRequest, form: ScopeForm, scope: Scope, *, large: bool) -> HttpResponse:
    by = request.user.get_username()
    wanted = RollbackRequest(
        reason="",
        requested_by=by,
        rule=scope.rule,
        run=scope.run,
        sprout=scope.sprout,
        since=scope.since,
        until=scope.until,
        dry_run=True,
    )
    try:
        run = make_plan(wanted, at_once=not large)
    except AdvancementError as error:
        messages.error(request, str(error))
        return render(request, "console/rollback_scope.html", _context(form), status=422)
    if form.replaces.isascii() and form.replaces.isdigit() and len(form.replaces) < 19:
        replace(int(form.replaces), run, by=by)
    return redirect("console:review_rollback", run.pk)


def _again(form: ScopeForm) -> str:
    """Return the address of the form as it was filled in, for where nothing was found."""
    fields = {
        "rule": form.rule,
        "run": form.run,
        "sprout": form.sprout,
        "range": form.range,
        "since": form.since,
        "until": form.until,
    }
    given = {name: value for name, value in fields.items() if value}
    return f"{reverse('console:rollback')}?{urlencode(given)}"


def _context(form: ScopeForm) -> dict[str, Any]:
    rules = _rules(form.rule)
    context: dict[str, Any] = {
        "title": "Bulk Rollback",
        "form": form,
        "sprout_title": title_of(form.scope.sprout) if form.scope and form.scope.sprout else "",
        "rules": rules,
        "runs": _runs(),
        "ranges": _RANGES,
    }
    context["listed"] = form.run in {str(run.pk) for run in context["runs"]}
    if form.scope is None:
        return context
    return context | _counted(form.scope)


def _counted(scope: Scope) -> dict[str, Any]:
    """Return how many events in scope can be taken back and how many were; without any, a wider scope."""
    run = scope.as_run()
    names = titles(rules_by_slug([scope.rule]))
    counted = count_standing(events_in_scope(run), MOST_COUNTED)
    found: dict[str, Any] = {"counted": counted, "words": scope_words(run, names), "step": 1}
    if counted.nothing:
        found["wider"] = [wide for wide in _wider(scope, names) if not wide["counted"].nothing]
    return found | {"most_counted": MOST_COUNTED}


def _wider(scope: Scope, names: dict[str, str]) -> list[dict[str, Any]]:
    """Return the usual ranges that reach further back, and everything, with what they find."""
    now = timezone.now()
    starts = {name: now - age for name, age in AGES.items() if scope.since and now - age < scope.since}
    whenever = dataclasses.replace(scope, since=None, until=None)
    choices = [(name, dataclasses.replace(whenever, since=start)) for name, start in starts.items()]
    limited = scope.rule or scope.run is not None or scope.sprout is not None
    if limited and (scope.since or scope.until):
        choices.append((EVERYTHING, whenever))
    found = []
    for name, wide in choices:
        run = wide.as_run()
        counted = count_standing(events_in_scope(run), MOST_COUNTED)
        words = (
            scope_words(run, names) if name != EVERYTHING else f"{scope_words(run, names)}, whenever it was"
        )
        address = scope_address(run, range=name)
        found.append({"counted": counted, "words": words, "address": address})
    return found


def _rules(chosen: str) -> list[AdvancementRule]:
    """Return the rules that ever advanced anything, and the chosen one."""
    events = AdvancementEvent.objects.filter(rule_id=OuterRef("pk"))
    rules = AdvancementRule.objects.annotate(used=Exists(events)).order_by("id")
    rules = rules.select_related("active_version", "draft_version")
    return [rule for rule in rules if rule.used or rule.pk == chosen]


def _runs() -> "QuerySet[Run]":
    """Return the newest runs that moved anything."""
    runs = Run.objects.filter(kind=RunKind.ADVANCEMENT, dry_run=False, cursor__gt=0)
    return runs.order_by("-id")[:_RUNS_LISTED]
