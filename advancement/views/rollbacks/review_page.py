"""The steps after the scope, all at one address: review and confirmation, progress, result."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django_htmx.http import HttpResponseClientRefresh

from advancement.models import AdvancementRule, Move, Run
from advancement.models.runs import RunKind, RunStatus
from advancement.rights import Right
from advancement.rollback.changes import Changes
from advancement.rollback.figures import Destination, Figures, figures_of, rules_to_disable
from advancement.runs.schedule import next_slot
from advancement.runs.waiting import waiting, waits_because
from advancement.templatetags.runs import run_name
from advancement.views.access import allows, may
from advancement.views.paging import count_up_to
from advancement.views.rollbacks import actions
from advancement.views.rollbacks.buckets import CHANGED, CLEAN, Bucket, planned_buckets
from advancement.views.rollbacks.confirmation import MOST_UNTYPED, Confirmation, hold_choices
from advancement.views.rollbacks.result import result_context
from advancement.views.rollbacks.rows import Listing, listing, moves_matching, search_term
from advancement.views.rollbacks.wording import (
    change_words,
    rules_by_slug,
    scope_address,
    scope_words,
    titles,
)
from advancement.views.shell import Console

# Counting on would cost more than it tells: whoever searches narrows it down.
_MOST_MATCHING = 1_000
_WAITING = (RunStatus.PLANNING, RunStatus.APPROVED, RunStatus.APPLYING)


@allows(GET=Right.VIEW_RUNS, POST=Right.ROLL_BACK)
def review(request: HttpRequest, run_id: int) -> HttpResponse:
    """Show a rollback wherever it stands; POST does what one of the page's buttons says."""
    second_steps = Move.objects.filter(run=OuterRef("pk"), step=2)
    found = Run.objects.select_related("undoes").annotate(several_steps=Exists(second_steps))
    run = found.filter(pk=run_id).first()
    if run is None or run.kind != RunKind.ROLLBACK:
        what = "There is no run" if run is None else "Not a rollback: run"
        raise Http404(f"{what} {run_id}.")
    if request.method == "POST":
        return actions.act(request, run, show=refused) or _chosen(request, run)
    if _target(request) == "wait" and not is_waiting(run):
        return HttpResponseClientRefresh()
    if is_reviewed(run):
        return render(request, _template(request), review_context(request, run))
    if is_waiting(run):
        part = _target(request) == "wait"
        template = "console/parts/rollback_progress.html" if part else "console/rollback_waiting.html"
        return render(request, template, _waiting_context(run))
    return render(
        request,
        _template(request, "console/rollback_result.html"),
        result_context(request, run, several_steps=run.several_steps),
    )


def _chosen(request: HttpRequest, run: Run) -> HttpResponse:
    """Show the page after a choice; htmx gets the rows, and what changes with them in the confirmation."""
    if not _target(request):
        return HttpResponseRedirect(request.get_full_path())
    run.refresh_from_db()
    context = review_context(request, run) | {"with_confirmation": True}
    return render(request, "console/parts/rollback_rows.html", context)


def is_reviewed(run: Run) -> bool:
    """Whether a rollback's plan waits for a confirmation."""
    return run.dry_run and run.status == RunStatus.PLANNED


def is_waiting(run: Run) -> bool:
    """Whether a rollback is being worked on, or is about to be."""
    return run.status in _WAITING or (run.status == RunStatus.PLANNED and not run.dry_run)


def refused(request: HttpRequest, run: Run, form: Confirmation, changes: Changes | None) -> HttpResponse:
    """Show the review with what was filled in and what is wrong with it, or what changed meanwhile."""
    context = review_context(request, run, form=form, changes=changes)
    return render(request, "console/rollback_review.html", context, status=422)


def _target(request: HttpRequest) -> str:
    """Return the id of the part that htmx asks for, empty when the whole page is asked for."""
    htmx = getattr(request, "htmx", None)
    return (htmx.target or "") if htmx else ""


def _template(request: HttpRequest, whole: str = "console/rollback_review.html") -> str:
    """Return the page's template, or that of the part which is asked for."""
    parts = {"list": "console/parts/rollback_list.html", "rows": "console/parts/rollback_rows.html"}
    return parts.get(_target(request), whole)


def review_context(
    request: HttpRequest, run: Run, *, form: Confirmation | None = None, changes: Changes | None = None
) -> dict[str, Any]:
    """Return what the review shows."""
    console = Console(request)
    figures = figures_of(run, ambiguous=ambiguous_tiers(console))
    rules = rules_to_disable(run)
    names = titles({rule.pk: rule for rule in rules})
    enabled = [rule for rule in rules if _enabled(rule)]
    return {
        "console": console,
        "title": run_name(run),
        "run": run,
        "step": 2,
        "figures": figures,
        "destinations": _destinations(console, figures),
        "rule_names": names,
        "words": scope_words(run, names),
        "change_scope": scope_address(run, replaces=run.pk),
        "to_disable": enabled,
        "may_roll_back": may(request.user, Right.ROLL_BACK),
        "may_disable": may(request.user, Right.DISABLE_RULES),
        "form": form or Confirmation.fresh(run),
        "changes": changes,
        "change_words": change_words(changes) if changes else "",
        "left_after_changes": figures.chosen - changes.sprouts if changes else 0,
        "hold_choices": hold_choices(),
        "must_type": figures.chosen > MOST_UNTYPED,
        "in_daily_run": any(_in_daily_run(rule) for rule in enabled),
        "next_slot": next_slot(now=timezone.now()) if enabled else None,
        "unwindable": 0 if run.undoes_id or run.unwind else figures.left_out.get("advanced_since", 0),
        **_list_context(request, run, figures, changes),
    }


def _list_context(
    request: HttpRequest, run: Run, figures: Figures, changes: Changes | None
) -> dict[str, Any]:
    """Return the buckets and the page of the one that is looked at."""
    buckets = planned_buckets(run, figures)
    bucket = CHANGED if changes else bucket_of(request, buckets, CLEAN)
    excluded_only = bucket == CLEAN and request.GET.get("show") == "excluded"
    term = search_term(request)
    context: dict[str, Any] = {
        "buckets": buckets,
        "bucket": bucket,
        "bucket_count": next((b.count for b in buckets if b.slug == bucket), None),
        "bucket_label": next(
            (b.label for b in buckets if b.slug == bucket), "Changed while you were reading"
        ),
        "page": listing(
            run,
            bucket,
            request,
            excluded_only=excluded_only,
            several_steps=figures.steps != figures.sprouts,
        ),
        "term": term,
        "excluded_only": excluded_only,
        "choosing": bucket == CLEAN and may(request.user, Right.ROLL_BACK),
        "under_review": True,
    }
    context["page_struck"] = any(row.struck for row in context["page"].rows)
    if term and bucket == CLEAN:
        context |= _matching(run, term, context["page"], excluded_only=excluded_only)
    return context


def _matching(run: Run, term: str, page: Listing, *, excluded_only: bool) -> dict[str, Any]:
    """Return how many sprouts a search finds; what a single page shows need not be counted again."""
    if page.before is None and page.after is None:
        return {"matching": len(page.rows), "more_match": False}
    moves = moves_matching(run, term)
    count, more = count_up_to(moves.filter(struck=True) if excluded_only else moves, _MOST_MATCHING)
    return {"matching": count, "more_match": more}


def bucket_of(request: HttpRequest, buckets: Sequence[Bucket], usual: str) -> str:
    """Return the bucket that the address names, the usual one without."""
    named = request.GET.get("bucket", usual)
    return named if named == CHANGED or any(bucket.slug == named for bucket in buckets) else usual


def ambiguous_tiers(console: Console) -> set[str]:
    """Return the slugs of tiers that look different from model to model."""
    looks: dict[str, set[tuple[str, str]]] = {}
    for (_, slug), tier in console.tiers.items():
        looks.setdefault(slug, set()).add((tier.label, tier.emoji))
    return {slug for slug, found in looks.items() if len(found) > 1}


def _destinations(console: Console, figures: Figures) -> list[Destination]:
    """Return where sprouts go, each with a lifecycle model that shows the tier as it looks."""
    models = {slug: model for model, slug in console.tiers}
    return [replace(found, model=found.model or models.get(found.tier, "")) for found in figures.destinations]


def _enabled(rule: AdvancementRule) -> bool:
    return rule.archived_at is None and rule.active_version is not None and rule.active_version.enabled


def _in_daily_run(rule: AdvancementRule) -> bool:
    version = rule.active_version
    return version is not None and version.from_tier in settings.ADVANCEMENT_FROM_TIERS


def _waiting_context(run: Run) -> dict[str, Any]:
    names, found = titles(rules_by_slug([run.scope_rule_id])), waiting(run)
    return {
        "title": run_name(run),
        "run": run,
        "step": 1 if run.status == RunStatus.PLANNING else 3,
        "words": scope_words(run, names),
        "waiting": found,
        "waits": waits_because(found) if found and found.lost else None,
        "planning": run.status == RunStatus.PLANNING,
    }
