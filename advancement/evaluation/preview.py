"""What a rule would do to the grove as it is, while somebody is still writing it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, Count, IntegerField, Q, Value, When

from advancement.criteria.rules import CriterionDefinition, RuleDefinition
from advancement.criteria.validation import split_by_validity
from advancement.database.clock import database_now
from advancement.database.snapshot import one_snapshot
from advancement.evaluation.candidates import Candidates, named, require_readable, stored_candidates
from advancement.evaluation.compile import CompiledRule
from advancement.evaluation.near import OUT_OF_REACH, gap, needed, reach, relative_to
from advancement.models import RuleVersion
from advancement.rulebook import active_versions, lifecycles

SHOWN: Final = 10


@dataclass(frozen=True)
class MatchCount:
    """How many sprouts of a model and tier meet a rule; extrapolated from a sample where not `exact`."""

    matches: int
    candidates: int
    exact: bool = True


@dataclass(frozen=True)
class NamedSprout:
    """A sprout, and each criterion of the rule with what it is on it, as on events."""

    sprout_id: UUID
    title: str
    evidence: list[dict[str, Any]]


@dataclass(frozen=True)
class NearMiss:
    """A sprout that a rule misses by one criterion, and by how much.

    `needed` is the nearest value that would meet it; where more than that is asked for (`>` or `<` on
    a score or on days), `gap` may be 0.
    """

    sprout_id: UUID
    title: str
    criterion: int
    actual: float
    needed: float
    gap: float


@dataclass(frozen=True)
class Difference:
    """The sprouts that one version of a rule matches and another does not; some of them by name."""

    count: int
    sprouts: tuple[NamedSprout, ...]


@dataclass(frozen=True)
class PreviewDetails:
    """What a rule would do, in detail.

    `alone` counts those that meet each criterion by itself. `gained`, `lost` and `active_matches` are
    None without an active version of the same lifecycle model and from tier. `near_misses` miss one
    criterion where all are asked for, nearest first; where any is enough, they are those that do not
    match, by their nearest criterion. `also_earlier` names the enabled rules that are tried earlier
    and that some of the matches also meet.
    """

    count: MatchCount
    alone: tuple[int, ...]
    gained: Difference | None
    lost: Difference | None
    active_matches: int | None
    matches: tuple[NamedSprout, ...]
    near_misses: tuple[NearMiss, ...]
    near_miss_count: int
    also_earlier: tuple[tuple[str, int], ...]


def count_matches(definition: RuleDefinition, *, using: str = "default") -> MatchCount:
    """Count the sprouts in a rule's model and from tier that meet its criteria now.

    Holds, other rules and their order are not looked at. Raise RulesRefused when the model, from tier,
    logic or a criterion is not valid.
    """
    require_readable(definition, using)
    candidates = _candidates(definition, database_now(using), using)
    figures = candidates.rows.aggregate(
        candidates=Count(candidates.key),
        matches=Count(candidates.key, filter=candidates.compiled(definition).matches()),
    )
    return MatchCount(**figures)


def preview_details(
    definition: RuleDefinition, *, active: RuleVersion | None = None, using: str = "default"
) -> PreviewDetails:
    """Say what a rule would do now, also compared with its active version; see `count_matches`."""
    require_readable(definition, using)
    former = active.definition if active else None
    if former and _place(former) != _place(definition):
        former = None
    with one_snapshot(using):
        as_of = database_now(using)
        candidates = _candidates(definition, as_of, using)
        return _Preview(definition, former, _earlier(definition, using), candidates, as_of, using).details()


def _place(definition: RuleDefinition) -> tuple[str, str]:
    return definition.lifecycle_model, definition.from_tier


def _candidates(definition: RuleDefinition, as_of: datetime, using: str) -> Candidates:
    return stored_candidates(*_place(definition), as_of, using)


def _earlier(definition: RuleDefinition, using: str) -> list[RuleDefinition]:
    """Return the rules that a run tries before this one on the same sprouts."""
    rules, _ = split_by_validity((v.definition for v in active_versions(using)), lifecycles(using))
    return [
        rule
        for rule in rules
        if _place(rule) == _place(definition)
        and rule.slug != definition.slug
        and rule.order < definition.order
    ]


# Who is named, and in which order.
_GROUPS: Final[dict[str, tuple[Q, tuple[str, ...]]]] = {
    "gained": (Q(hit=1, was=0), ()),
    "lost": (Q(hit=0, was=1), ()),
    "near": (Q(reach__lt=OUT_OF_REACH), ("reach",)),
    "matches": (Q(hit=1), ()),
}


class _Preview:
    """One rule over its candidates."""

    def __init__(
        self,
        definition: RuleDefinition,
        former: RuleDefinition | None,
        earlier: list[RuleDefinition],
        candidates: Candidates,
        as_of: datetime,
        using: str,
    ) -> None:
        self._definition = definition
        self._former = former
        self._earlier = earlier
        self._candidates = candidates
        self._as_of = as_of
        self._using = using
        self._rule = candidates.compiled(definition)
        self._rows = candidates.rows.annotate(
            hit=_flag(self._rule),
            was=_flag(candidates.compiled(former or definition)),
            reach=reach(self._rule),
        )

    def details(self) -> PreviewDetails:
        key = self._candidates.key
        figures: dict[str, int] = self._rows.aggregate(
            **{name: Count(key, filter=condition) for name, condition in self._counted().items()}
        )
        keys = {
            name: list(self._rows.filter(condition).order_by(*order, key).values_list(key, flat=True)[:SHOWN])
            for name, (condition, order) in _GROUPS.items()
        }
        shown = named(
            self._definition, (k for group in keys.values() for k in group), self._as_of, self._using
        )

        def sprouts(name: str) -> tuple[NamedSprout, ...]:
            return tuple(NamedSprout(key, *shown[key]) for key in keys[name])

        def difference(name: str) -> Difference | None:
            return Difference(figures[name], sprouts(name)) if self._former else None

        return PreviewDetails(
            count=MatchCount(figures["matches"], figures["candidates"]),
            alone=tuple(figures[f"alone_{i}"] for i in range(len(self._definition.criteria))),
            gained=difference("gained"),
            lost=difference("lost"),
            active_matches=figures["active"] if self._former else None,
            matches=sprouts("matches"),
            near_misses=tuple(self._near_miss(key, *shown[key]) for key in keys["near"]),
            near_miss_count=figures["near"],
            also_earlier=tuple(
                (rule.slug, figures[f"earlier_{i}"])
                for i, rule in enumerate(self._earlier)
                if figures[f"earlier_{i}"]
            ),
        )

    def _counted(self) -> dict[str, Q]:
        hit = Q(hit=1)
        counted = {"candidates": Q(), "active": Q(was=1)}
        counted |= {name: condition for name, (condition, _) in _GROUPS.items()}
        counted |= {f"alone_{i}": self._rule.meets(i) for i in range(len(self._definition.criteria))}
        counted |= {
            f"earlier_{i}": hit & self._candidates.compiled(rule).matches()
            for i, rule in enumerate(self._earlier)
        }
        return counted

    def _near_miss(self, key: UUID, title: str, evidence: list[dict[str, Any]]) -> NearMiss:
        misses = [
            self._missed(index, criterion, line["actual"])
            for index, (criterion, line) in enumerate(zip(self._definition.criteria, evidence, strict=True))
            if not line["met"] and line["actual"] is not None and needed(criterion)
        ]
        _, index, actual, wanted, distance = min(misses)
        return NearMiss(key, title, index, actual, wanted, distance)

    @staticmethod
    def _missed(
        index: int, criterion: CriterionDefinition, actual: float
    ) -> tuple[float, int, float, float, float]:
        ends = needed(criterion)
        assert ends
        distance = gap(actual, ends)
        wanted = ends.low if actual <= ends.low else ends.high
        return distance / relative_to(criterion), index, actual, wanted, distance


def _flag(rule: CompiledRule) -> Case:
    return Case(When(rule.matches(), then=Value(1)), default=Value(0), output_field=IntegerField())
