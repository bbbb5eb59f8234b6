"""What a run planned, and what became of it: by rule, by bucket, by reason, move by move."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from advancement.models import AdvancementEvent, LeftOut, Move, RuleVersion, Run, Sprout
from advancement.models.runs import TAKEN_OUT, LeftOutBucket, RunKind, RunStatus
from advancement.models.sprouts import titled
from advancement.remembered import MANY, remembered
from advancement.runs.review import under_review
from advancement.runs.standing import Standing, counted_skipped, unfinished
from advancement.runs.summary import ROLLBACK_BUCKETS

# Of very many left-outs the first are grouped by reason.
MOST_GROUPED: Final = 10_000
_MOST_REASONS: Final = 30

BUCKET_WORDS: Final = {
    LeftOutBucket.INVALID: "Tier not in its model",
    LeftOutBucket.HELD: "On hold",
    LeftOutBucket.BLOCKED: "Only stopped rules match",
    LeftOutBucket.SKIPPED: "Skipped",
    LeftOutBucket.FAILED: "Failed",
    LeftOutBucket.ADVANCED_SINCE: "Advanced since",
    LeftOutBucket.OVERRIDDEN_SINCE: "Overridden since",
    LeftOutBucket.ALREADY_ROLLED_BACK: "Already rolled back",
    LeftOutBucket.GONE: "Sprout gone",
    LeftOutBucket.TIER_GONE: "Tier gone",
    LeftOutBucket.EXCLUDED: "Excluded",
}
LEFT_OUT_BY_HAND: Final = "Left out by hand"


def bucket_words(bucket: str, reason: str = "") -> str:
    """Say what became of a left-out; one that a person took out of a plan is told from what was skipped."""
    if reason.endswith(TAKEN_OUT):
        return LEFT_OUT_BY_HAND
    return BUCKET_WORDS[LeftOutBucket(bucket)]


@dataclass(frozen=True)
class RuleLine:
    """The moves of a plan by one rule's version, or from one tier to another: planned, struck, made."""

    version: RuleVersion | None
    lifecycle_model: str
    from_tier: str
    to_tier: str
    planned: int
    struck: int
    made: int

    @property
    def to_apply(self) -> int:
        """What is left of it once the struck ones are dropped."""
        return self.planned - self.struck


@dataclass(frozen=True)
class Counted:
    """One line of a sum; `bucket` is that of the left-outs behind it, if they are kept one by one."""

    words: str
    count: int
    bucket: str = ""


@dataclass(frozen=True)
class Reason:
    """Left-outs of a bucket with the same reason."""

    bucket: str
    reason: str
    count: int

    @property
    def words(self) -> str:
        """The bucket in words; what a person took out of a plan is called so in every kind of run."""
        return bucket_words(self.bucket, self.reason)


def moves_of(
    run: Run, *, title: str = "", rule: str = "", struck: bool | None = None, using: str = "default"
) -> "QuerySet[Move]":
    """Return the moves of a run's plan, of sprouts whose title has this part, by this rule, struck or not."""
    moves = Move.objects.using(using).filter(run=run.pk)
    if title:
        moves = moves.filter(titled(title, "sprout__title"))
    if rule:
        moves = moves.filter(rule_version__rule=rule)
    if struck is not None:
        moves = moves.filter(struck=struck)
    return moves


def struck_of(runs: Iterable[Run], *, using: str = "default") -> dict[int, int]:
    """Return how many moves are struck out of each plan that waits for a person; nothing for the others."""
    reviewed = [run for run in runs if run.review_revision and under_review(run)]
    small = [run.pk for run in reviewed if run.moves_planned < MANY]
    found = _struck_now(small, using) if small else {}
    for run in reviewed:
        if run.moves_planned >= MANY:
            found |= remembered(run, "struck", partial(_struck_now, [run.pk], using), using)
    return found


def _struck_now(runs: Sequence[int], using: str) -> dict[int, int]:
    struck = Move.objects.using(using).filter(run__in=runs, struck=True).order_by()
    return dict(struck.values_list("run").annotate(n=Count("position")).values_list("run", "n"))


def lines_of(run: Run, *, criteria: bool = False, using: str = "default") -> list[RuleLine]:
    """Return a plan's moves by rule, its version with its `criteria` read on request.

    Those of a rollback or an override are returned by their tiers.
    """
    if run.kind == RunKind.ADVANCEMENT:
        return _lines_by_rule(run, criteria, using)
    keys = ("sprout__lifecycle_model", "from_tier", "to_tier")
    counted = _counted(run, keys, using)
    events = _events(run, ("lifecycle_model_id", "from_tier", "to_tier"), using)
    return [
        RuleLine(None, model, old, new, planned, struck, events.get((model, old, new), 0))
        for (model, old, new), (planned, struck, _) in sorted(counted.items(), key=str)
    ]


def _lines_by_rule(run: Run, criteria: bool, using: str) -> list[RuleLine]:
    counted = _counted(run, ("rule_version",), using)
    versions = RuleVersion.objects.using(using).filter(pk__in=[key for (key,) in counted])
    if criteria:
        versions = versions.prefetch_related("criteria")
    # Without skipped moves, those that were reached were made; with some, only the events tell.
    told = counted_skipped(run, using) > 0
    events = _events(run, ("rule_id", "rule_version"), using) if told else {}
    found = []
    for version in versions.order_by("priority", "rule"):
        planned, struck, reached = counted[version.pk,]
        made = events.get((version.rule_id, version.number), 0) if told else reached
        model = version.lifecycle_model_id
        found.append(RuleLine(version, model, version.from_tier, version.to_tier, planned, struck, made))
    return found


def _events(run: Run, keys: Sequence[str], using: str) -> dict[tuple[Any, ...], int]:
    if not run.cursor:
        return {}
    events = AdvancementEvent.objects.using(using).filter(run_id=run.pk).order_by()
    return {tuple(row[:-1]): row[-1] for row in events.values_list(*keys).annotate(n=Count("id"))}


def _counted(run: Run, keys: Sequence[str], using: str) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    """Return how many moves are planned, struck out and reached, by their keys; once where nothing moves."""
    if unfinished(run):
        return _counted_now(run, keys, using)
    counted: dict[tuple[Any, ...], tuple[int, int, int]] = remembered(
        run, f"by-{'-'.join(keys)}", partial(_counted_now, run, keys, using), using
    )
    return counted


def _counted_now(run: Run, keys: Sequence[str], using: str) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    moves = Move.objects.using(using).filter(run=run.pk).order_by().values_list(*keys)
    counted = moves.annotate(
        planned=Count("position"),
        out=Count("position", filter=Q(struck=True)),
        reached=Count("position", filter=Q(position__lte=run.cursor)),
    )
    return {tuple(row[:-3]): (row[-3], row[-2], row[-1]) for row in counted}


def tally_of(run: Run, standing: Standing, *, struck: int = 0, using: str = "default") -> list[Counted]:
    """Return where everything went that a run evaluated; the counts add up to `evaluated`.

    `struck` is how many moves are struck out of a plan that was not to be applied yet.
    """
    if run.kind == RunKind.OVERRIDE:
        return [Counted("Moved", standing.made), Counted("Not moved", run.evaluated - standing.made)]
    moves = _tally_of_moves(run, standing, struck)
    if run.kind == RunKind.ROLLBACK:
        return moves + _tally_of_rollback(run, struck, using)
    by_hand = struck or run.moves_struck
    return [
        *moves,
        Counted(LEFT_OUT_BY_HAND, by_hand),
        Counted("Skipped: changed since the plan", standing.skipped, LeftOutBucket.SKIPPED),
        Counted("No rule matches", run.no_match),
        Counted("On hold", run.held, LeftOutBucket.HELD),
        Counted("Only stopped rules match", run.blocked, LeftOutBucket.BLOCKED),
        Counted("No signals", run.no_signals),
        Counted("Tier not in its model", run.invalid, LeftOutBucket.INVALID),
    ]


def _tally_of_moves(run: Run, standing: Standing, struck: int) -> list[Counted]:
    if run.kind == RunKind.ROLLBACK:
        planned, done = (
            ("Would be put back", "Put back") if run.undoes_id else ("Would be taken back", "Taken back")
        )
    else:
        planned, done = "Would move", "Advanced"
    if under_review(run):
        return [Counted(planned, standing.total - struck)]
    made = Counted(done, standing.made)
    if run.status == RunStatus.SUCCEEDED:
        return [made]
    if run.status in {RunStatus.CANCELLED, RunStatus.DISCARDED}:
        return [made, Counted("Dropped with the plan", standing.left - struck)]
    return [made, Counted("To do" if unfinished(run) else "Not reached", standing.left - struck)]


def _tally_of_rollback(run: Run, struck: int, using: str) -> list[Counted]:
    grouped = LeftOut.objects.using(using).filter(run=run.pk).order_by().values_list("bucket")
    counts = dict(grouped.annotate(count=Count("id")).values_list("bucket", "count"))
    counts[LeftOutBucket.EXCLUDED] = counts.get(LeftOutBucket.EXCLUDED, 0) + struck
    order = (LeftOutBucket.SKIPPED, *ROLLBACK_BUCKETS)
    return [Counted(BUCKET_WORDS[bucket], counts.get(bucket, 0), bucket) for bucket in order]


def reasons_of(run: Run, buckets: Sequence[str] = (), *, using: str = "default") -> tuple[list[Reason], bool]:
    """Return left-outs by reason, most first; and whether there are more of them than were looked at."""
    left_out = LeftOut.objects.using(using).filter(run=run.pk).order_by("id")
    if buckets:
        left_out = left_out.filter(bucket__in=buckets)
    looked_at = LeftOut.objects.using(using).filter(pk__in=left_out.values("pk")[:MOST_GROUPED])
    grouped = looked_at.order_by().values_list("bucket", "reason").annotate(n=Count("id"))
    rows = grouped.order_by("-n", "bucket", "reason")[: _MOST_REASONS + 1]
    found = [Reason(bucket, reason, count) for bucket, reason, count in rows]
    more = len(found) > _MOST_REASONS or sum(reason.count for reason in found) >= MOST_GROUPED
    return found[:_MOST_REASONS], more


def titles_of(sprouts: Sequence[UUID], *, using: str = "default") -> dict[UUID, tuple[str, str]]:
    """Return title and lifecycle model of the sprouts that still exist."""
    rows = Sprout.objects.using(using).filter(pk__in=sprouts)
    return {key: (title, model) for key, title, model in rows.values_list("pk", "title", "lifecycle_model")}
