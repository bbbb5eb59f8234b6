"""What became of a rollback: what was taken back, what was not and why, what can be done next."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest

from advancement.models import AdvancementEvent, AdvancementRule, Hold, Run
from advancement.models.runs import LeftOutBucket, RunStatus
from advancement.rights import Right
from advancement.templatetags.runs import run_name
from advancement.views.access import may
from advancement.views.paging import MOST_COUNTED
from advancement.views.rollbacks.buckets import REVERTED, outcome_buckets
from advancement.views.rollbacks.rows import listing, search_term
from advancement.views.rollbacks.wording import rules_by_slug, scope_address, scope_words, titles
from advancement.views.turns import since

_REASONS_SHOWN = 5


def result_context(request: HttpRequest, run: Run, *, several_steps: bool) -> dict[str, Any]:
    """Return what the result shows; of a plan that came to nothing, that alone.

    `several_steps` says that some sprouts took more than one step.
    """
    of_undone = run.undoes.rules_disabled if run.undoes else []
    rules = rules_by_slug([run.scope_rule_id, *run.rules_disabled, *of_undone])
    names = titles(rules)
    context: dict[str, Any] = {
        "title": run_name(run),
        "run": run,
        "step": 2 if run.dry_run else 4,
        "words": scope_words(run, names),
        "rule_names": names,
        "still_off": [slug for slug in of_undone if _is_on(rules.get(slug)) is False],
        "on_again": [slug for slug in of_undone if _is_on(rules.get(slug))],
        "change_scope": scope_address(run),
        "may_roll_back": may(request.user, Right.ROLL_BACK),
    }
    return context if run.dry_run else context | _outcome(request, run, several_steps)


def _is_on(rule: AdvancementRule | None) -> bool | None:
    """Whether a rule is on; None for one that is archived or gone."""
    if rule is None or rule.archived_at is not None or rule.active_version is None:
        return None
    return rule.active_version.enabled


def _outcome(request: HttpRequest, run: Run, several_steps: bool) -> dict[str, Any]:
    left_out = run.left_out.order_by().values_list("bucket").annotate(count=Count("id"))
    counts = dict(left_out.values_list("bucket", "count"))
    reverted = _reverted(run)
    buckets = outcome_buckets(run, counts, reverted)
    named = request.GET.get("bucket", REVERTED)
    bucket = named if any(b.slug == named for b in buckets) else REVERTED
    turned = since(run, reverted)
    dropped = run.moves_to_make - reverted - counts.get(LeftOutBucket.SKIPPED, 0)
    return {
        "reverted": reverted,
        "shortfall": _shortfall(run, reverted),
        "several_steps": several_steps,
        "not_reached": max(dropped, 0),
        "skips": _skips(run) if counts.get(LeftOutBucket.SKIPPED) else [],
        "holds": _holds(run),
        "since": turned,
        "can_undo": run.status in _UNDOABLE and turned.untouched > 0,
        "may_undo": may(request.user, Right.ROLL_BACK),
        "buckets": buckets,
        "bucket": bucket,
        "bucket_count": next(b.count for b in buckets if b.slug == bucket),
        "bucket_label": next(b.label for b in buckets if b.slug == bucket),
        "page": listing(run, bucket, request),
        "term": search_term(request),
    }


@dataclass(frozen=True)
class Shortfall:
    """What a rollback did not take back of what was confirmed: by the run that came first, else by reason."""

    confirmed: int
    meanwhile: list[tuple[Run | None, int]]
    reasons: list[tuple[str, int]]


def _shortfall(run: Run, reverted: int) -> Shortfall | None:
    """Return why a rollback that has ended took back less than was confirmed; None when it did not."""
    if run.status != RunStatus.SUCCEEDED or reverted >= run.moves_to_make:
        return None
    skipped = run.left_out.filter(bucket=LeftOutBucket.SKIPPED).order_by()
    reversal = AdvancementEvent.objects.filter(reverses=OuterRef("event_id"))
    first = skipped.annotate(by=Subquery(reversal.values("run_id"))).exclude(by=None).values_list("by")
    counts = dict(first.annotate(n=Count("pk")).order_by("-n").values_list("by", "n")[:_REASONS_SHOWN])
    runs = Run.objects.in_bulk(counts)
    others = skipped.exclude(Exists(reversal)).values_list("reason").annotate(n=Count("pk"))
    return Shortfall(
        confirmed=run.moves_to_make,
        meanwhile=[(runs.get(key), count) for key, count in counts.items()],
        reasons=list(others.order_by("-n", "reason").values_list("reason", "n")[:_REASONS_SHOWN]),
    )


_UNDOABLE = (RunStatus.SUCCEEDED, RunStatus.CANCELLED, RunStatus.DISCARDED)


def _reverted(run: Run) -> int:
    """Return how many events were taken back; while nothing is final, as many as there are."""
    if run.status == RunStatus.SUCCEEDED:
        return run.advanced
    return AdvancementEvent.objects.filter(run_id=run.pk).count()


def _skips(run: Run) -> "QuerySet[Any, Any]":
    skipped = run.left_out.filter(bucket=LeftOutBucket.SKIPPED).order_by()
    return skipped.values("reason").annotate(count=Count("id")).order_by("-count", "reason")[:_REASONS_SHOWN]


def _holds(run: Run) -> dict[str, Any]:
    """Return how many holds a rollback has set, and how many of those that matter here are released.

    To an undo those matter that the undone rollback had set and it released.
    """
    holds = Hold.objects.filter(set_by_run_id=run.undoes_id or run.pk).order_by()[: MOST_COUNTED + 1]
    freed = Q(released_at__gte=run.began_at) if run.undoes_id else Q(released_at__isnull=False)
    counts = holds.aggregate(set=Count("pk"), released=Count("pk", filter=freed))
    return counts | {"more": counts["set"] > MOST_COUNTED}
