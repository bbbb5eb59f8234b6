"""What no longer holds of a plan, and what a run left out: lists with names."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from advancement.apply.skipped import changed_moves, changed_since_planned
from advancement.models import LeftOut
from advancement.rights import Right
from advancement.runs.planned import BUCKET_WORDS, bucket_words, lines_of, titles_of
from advancement.runs.review import under_review
from advancement.views.access import allows
from advancement.views.addresses import query_of, whole_number
from advancement.views.paging import count_up_to, page_of
from advancement.views.plans import plan_or_404, rights, staleness, totals
from advancement.views.run_actions import moves_to_apply
from advancement.views.run_page import run_or_404

_NAMED: Final = 50


@allows(GET=Right.VIEW_RUNS)
def plan_changes(request: HttpRequest, run_id: int) -> HttpResponse:
    """Say which moves of a plan under review can no longer be made, by reason, and name them."""
    run = plan_or_404(run_id)
    part = bool(request.headers.get("HX-Request"))
    review = under_review(run)
    reasons = changed_since_planned(run) if review else {}
    to_apply = moves_to_apply(run)
    context = {"run": run, "review": review, "reasons": reasons, "to_apply": to_apply}
    context |= staleness(sum(reasons.values()), to_apply)
    if part:
        sums = totals(run, lines_of(run)) if context["none_holds"] else {}
        context = sums | context | rights(request, run)
        return render(request, "console/parts/plan_changes.html", context)
    after = whole_number(request.GET.get("after")) or 0
    rows = changed_moves(run, after=after, limit=_NAMED + 1) if reasons else []
    shown = rows[:_NAMED]
    titles = titles_of([sprout for _, sprout, _ in shown])
    context |= {
        "title": f"What changed since plan {run_id}",
        "rows": [(sprout, titles[sprout][0] if sprout in titles else None, why) for _, sprout, why in shown],
        "after": shown[-1][0] if len(rows) > _NAMED else None,
    }
    return render(request, "console/plan_changes.html", context)


@allows(GET=Right.VIEW_RUNS)
def left_out(request: HttpRequest, run_id: int) -> HttpResponse:
    """Name the sprouts that a run did not move, of a bucket and with a reason where these are given."""
    run = run_or_404(run_id)
    bucket, reason = request.GET.get("bucket", ""), request.GET.get("reason", "")
    found = LeftOut.objects.filter(run=run_id)
    if bucket:
        found = found.filter(bucket=bucket)
    if reason:
        found = found.filter(reason=reason)
    page = page_of(found, request)
    count, more = count_up_to(found)
    titles = titles_of([row.sprout_id for row in page.rows])
    context = {
        "run": run,
        "title": f"Left out of run {run_id}",
        "rows": [
            (row, bucket_words(row.bucket, row.reason), *titles.get(row.sprout_id, (None, "")))
            for row in page.rows
        ],
        "page": page,
        "count": count,
        "more": more,
        "bucket": bucket,
        "reason": reason,
        "buckets": [(value.value, words) for value, words in BUCKET_WORDS.items()],
        "query": query_of({"bucket": bucket, "reason": reason}),
    }
    return render(request, "console/left_out.html", context)
