"""The plan of an advancement run: what it would move and why, what was left out, what became of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse

from advancement.apply.skipped import changed_moves
from advancement.evaluation.counts import count_sprouts
from advancement.evaluation.evidence import evidence_now
from advancement.models import AdvancementEvent, LeftOut, Move, RuleVersion, Run, SignalRefresh, Sprout
from advancement.models.runs import LeftOutBucket, RunKind, RunStatus
from advancement.rights import Right
from advancement.rollback.reversals import NEVER_REVERSED, Fate, fates_of
from advancement.runs.guardrails import LEAST_CANDIDATES, limits_exceeded_by
from advancement.runs.planned import RuleLine, lines_of, moves_of, tally_of, titles_of
from advancement.runs.review import under_review
from advancement.runs.standing import standing_of
from advancement.templatetags.runs import run_name
from advancement.views.access import allows, may
from advancement.views.addresses import query_of
from advancement.views.csv_export import csv_response
from advancement.views.paging import count_up_to, page_of
from advancement.views.run_actions import TYPED_ABOVE
from advancement.views.run_page import run_or_404
from advancement.views.turns import since

# Of a larger plan it is asked for whether it is stale, since that takes a while.
LOOKED_THROUGH_AT_ONCE: Final = 20_000
# Rows of a page that lie further apart in the plan are not looked through for changes.
_WIDEST_PAGE: Final = 2_000
_CHUNK: Final = 5_000


@dataclass(frozen=True)
class MoveRow:
    """A move as it is shown: its sprout, its rule, the figures, and what became of it or keeps it."""

    move: Move
    title: str | None
    lifecycle_model: str
    version: RuleVersion | None
    figures: list[dict[str, Any]]
    fate: str
    stale: str


def plan_or_404(run_id: int) -> Run:
    """Return an advancement run; raise Http404 with a sentence when there is none of that number."""
    run = run_or_404(run_id)
    if run.kind != RunKind.ADVANCEMENT:
        raise Http404(f"Run {run_id} is no advancement, so it has no plan of this kind.")
    return run


@allows(GET=Right.VIEW_RUNS)
def plan(request: HttpRequest, run_id: int) -> HttpResponse:
    """Show the plan of a run, or why there is none yet."""
    run = plan_or_404(run_id)
    if run.planned_at is None:
        return render(request, "console/plan_missing.html", {"run": run, "title": run_name(run)})
    chosen = {name: request.GET.get(name, "").strip() for name in ("q", "rule", "show")}
    review = under_review(run)
    moves = moves_of(
        run, title=chosen["q"], rule=chosen["rule"], struck=_struck(chosen["show"]) if review else None
    )
    page = page_of(moves, request, key="position")
    count, more = (
        count_up_to(moves) if any(chosen.values()) else (run.moves_planned - run.moves_struck, False)
    )
    lines = lines_of(run, criteria=review)
    sums = totals(run, lines)
    context = {
        **sums,
        "since": None if review else since(run, sums["standing"].made),
        "title": run_name(run),
        "page": page,
        "rows": rows_of(run, page.rows, [line.version for line in lines if line.version]),
        "count": count,
        "more": more,
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "query": query_of(chosen),
        "after": request.GET.get("after", ""),
        "before": request.GET.get("before", ""),
        "address": request.build_absolute_uri(reverse("console:plan", args=(run_id,))),
        "refresh": SignalRefresh.objects.behind() if review else None,
        "changes_at_once": run.moves_planned <= LOOKED_THROUGH_AT_ONCE,
        **rights(request, run),
    }
    if not run.moves_planned:
        context["nothing"] = list(why_nothing_moves(run))
    return render(request, "console/plan.html", context)


def why_nothing_moves(run: Run) -> Iterator[str]:
    """Say in sentences why a plan is empty."""
    if not run.evaluated:
        yield "There is no candidate in these tiers."
        return
    if not _rules_on(run).exists():
        yield "No rule that is on now looks at these tiers."
    for count, one, many in (
        (run.no_signals, "has no signals yet", "have no signals yet"),
        (run.no_match, "meets no rule", "meet no rule"),
        (run.held, "is on hold", "are on hold"),
        (run.blocked, "meets stopped rules alone", "meet stopped rules alone"),
        (run.invalid, "is in a tier that its model does not have", "are in tiers that their model lacks"),
    ):
        if count:
            yield f"{_part(count, run.evaluated)} {one if count == 1 else many}."


def _part(count: int, total: int) -> str:
    if count < total:
        return f"{count:,} of the {total:,} candidates"
    return "The only candidate" if total == 1 else f"All {total:,} candidates"


def _rules_on(run: Run) -> QuerySet[RuleVersion]:
    """Return the rules that are on now in the tiers that a run looked at."""
    found = RuleVersion.objects.filter(
        active_in__archived_at__isnull=True, active_in__isnull=False, enabled=True
    ).filter(from_tier__in=run.from_tiers)
    return found.filter(lifecycle_model_id=run.scope_model_id) if run.scope_model_id else found


def totals(run: Run, lines: list[RuleLine]) -> dict[str, Any]:
    """Return a plan's sums: by rule, where the candidates went, and how it stands against the guardrails."""
    review = under_review(run)
    struck = sum(line.struck for line in lines)
    standing = standing_of(run)
    places = {(line.lifecycle_model, line.from_tier) for line in lines}
    sprouts = count_sprouts() if review else {}
    candidates = {place: count for place, count in sprouts.items() if place in places}
    return {
        "run": run,
        "review": review,
        "lines": [(line, candidates.get((line.lifecycle_model, line.from_tier), 0)) for line in lines],
        "candidates": sum(candidates.values()),
        "standing": standing,
        "struck": struck,
        "made": sum(line.made for line in lines),
        "to_apply": standing.total - struck,
        "tally": tally_of(run, standing, struck=struck),
        "exceeded": _exceeded(run, lines) if review else [],
        "max_share": settings.ADVANCEMENT_MAX_SHARE,
        "share_counts": run.evaluated >= LEAST_CANDIDATES,
        "typed_above": TYPED_ABOVE,
    }


def staleness(changed: int, to_apply: int) -> dict[str, Any]:
    """Return how many moves of a plan no longer hold, and whether none of those to apply does."""
    return {"changed": changed, "none_holds": bool(to_apply) and changed == to_apply}


def _exceeded(run: Run, lines: list[RuleLine]) -> list[str]:
    rules = [(v.rule_id, v.title, line.to_apply, v.max_moves) for line in lines if (v := line.version)]
    return limits_exceeded_by(run, sum(line.to_apply for line in lines), rules)


def rights(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return what whoever asks may do about a plan, and where striking out is done."""
    held = run.status == RunStatus.HELD
    review = under_review(run)
    acts = review and may(request.user, Right.APPROVE_RUNS if held else Right.START_RUNS)
    return {
        "acts": acts,
        "strike_address": reverse("console:strike_held" if held else "console:strike", args=(run.pk,)),
    }


def rows_of(run: Run, moves: Sequence[Move], planned: list[RuleVersion]) -> list[MoveRow]:
    """Return moves as they are shown, with what belongs to them; in the same queries however many.

    `planned` are the versions of all moves of the plan, with their criteria.
    """
    versions = {version.pk: version for version in planned}
    shown = _rows_under_review if under_review(run) else _rows_decided
    return [
        MoveRow(move, title, model, versions.get(move.rule_version_id or 0), figures, fate, stale)
        for move, title, model, figures, fate, stale in shown(run, moves, planned)
    ]


_Shown = tuple[Move, str | None, str, list[dict[str, Any]], str, str]


def _rows_under_review(run: Run, moves: Sequence[Move], planned: list[RuleVersion]) -> Iterator[_Shown]:
    shown = {move.rule_version_id for move in moves}
    versions = [version for version in planned if version.pk in shown]  # each one costs its compilation
    evidence, stale = evidence_now(run, moves, versions), _stale(run, moves, versions)
    models = {version.pk: version.lifecycle_model_id for version in planned}
    for move in moves:
        reason = stale.get(move.position, "")
        if now := evidence.get(move.position):
            yield move, now.title, now.lifecycle_model, now.criteria, "", reason
        else:
            yield move, None, models.get(move.rule_version_id or 0, ""), [], "", reason


def _rows_decided(run: Run, moves: Sequence[Move], planned: list[RuleVersion]) -> Iterator[_Shown]:
    sprouts = [move.sprout_id for move in moves]
    titles, (fates, figures) = titles_of(sprouts), _fates(run, sprouts)
    models = {version.pk: version.lifecycle_model_id for version in planned}
    for move in moves:
        title, model = titles.get(move.sprout_id, (None, models.get(move.rule_version_id or 0, "")))
        key = move.sprout_id
        yield move, title, model, figures.get(key, []), fates.get(key, ""), ""


def _stale(run: Run, moves: Sequence[Move], versions: list[RuleVersion]) -> dict[int, str]:
    if not moves or moves[-1].position - moves[0].position > _WIDEST_PAGE:
        return {}
    first, last = moves[0].position, moves[-1].position
    changed = changed_moves(run, after=first - 1, up_to=last, limit=_WIDEST_PAGE, versions=versions)
    return {position: reason for position, _, reason in changed}


def _fates(run: Run, sprouts: Sequence[UUID]) -> tuple[dict[UUID, str], dict[UUID, list[dict[str, Any]]]]:
    """Return what became of sprouts whose moves were decided about, and the figures they moved with."""
    events = AdvancementEvent.objects.filter(run_id=run.pk, sprout_id__in=sprouts)
    rows = list(events.values_list("pk", "sprout_id", "criteria_met"))
    since = fates_of(key for key, _, _ in rows)
    fates = {sprout: _fate(key, since) for key, sprout, _ in rows}
    figures = {sprout: criteria for _, sprout, criteria in rows}
    return fates | _reasons(run, [sprout for sprout in sprouts if sprout not in fates]), figures


def _fate(event: int, since: Mapping[int, Fate]) -> str:
    fate = since.get(event, NEVER_REVERSED)
    return "Rolled back" if fate.taken_back else "Restored" if fate.restored else "Moved"


def _reasons(run: Run, sprouts: Sequence[UUID]) -> dict[UUID, str]:
    if not sprouts:
        return {}
    skipped = LeftOut.objects.filter(run=run.pk, bucket=LeftOutBucket.SKIPPED, sprout_id__in=sprouts)
    return dict(skipped.values_list("sprout_id", "reason"))


def _struck(show: str) -> bool | None:
    return {"apply": False, "struck": True}.get(show)


@allows(GET=Right.EXPORT_DATA)
def plan_csv(request: HttpRequest, run_id: int) -> StreamingHttpResponse:
    """Give all moves of a plan as CSV."""
    header = [
        "position",
        "sprout",
        "title",
        "lifecycle_model",
        "from",
        "to",
        "rule",
        "version",
        "left_out",
        "outcome",
    ]
    return csv_response(f"plan-{run_id}.csv", header, _csv_rows(plan_or_404(run_id)))


def _csv_rows(run: Run) -> Iterator[list[Any]]:
    versions = {line.version.pk: line.version for line in lines_of(run) if line.version}
    sprout = Sprout.objects.filter(pk=OuterRef("sprout"))
    event = AdvancementEvent.objects.filter(
        run_id=run.pk, sprout_id=OuterRef("sprout"), revision=OuterRef("sprout_revision") + 1
    )
    moves = moves_of(run).order_by("position")
    moves = moves.annotate(
        title=Subquery(sprout.values("title")),
        model=Subquery(sprout.values("lifecycle_model")),
        made=Subquery(event.values("pk")),
    )
    columns = ("position", "sprout", "title", "model", "from_tier", "to_tier", "rule_version", "struck")
    rows = moves.values_list(*columns, "made")
    last = 0
    while chunk := list(rows.filter(position__gt=last)[:_CHUNK]):
        reasons = {} if under_review(run) else _reasons(run, [row[1] for row in chunk if not row[8]])
        since = fates_of(row[8] for row in chunk if row[8])
        for position, key, title, model, old, new, rule, struck, made in chunk:
            version = versions.get(rule)
            outcome = _fate(made, since) if made else reasons.get(key, "")
            yield [
                position, key, title or "", model or "", old, new, version.rule_id if version else "",
                version.number if version else "", "yes" if struck else "", outcome,
            ]  # fmt: skip
        last = chunk[-1][0]
