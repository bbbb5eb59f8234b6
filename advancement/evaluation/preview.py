"""What a rule would do to the grove as it is, while somebody is still writing it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, Count, IntegerField, Q, Value, When
from django.db.models.expressions import Expression

from advancement.criteria.rules import Lifecycles, RuleDefinition
from advancement.criteria.validation import split_by_validity
from advancement.evaluation.candidates import Candidates, is_readable, named, place_of, require_readable
from advancement.evaluation.judging import judge
from advancement.evaluation.near import OUT_OF_REACH, missed, reach
from advancement.evaluation.reading import candidates_of
from advancement.models import RuleVersion
from advancement.rulebook.reading import active_versions, lifecycles

_NEAR: Final = f"reach < {OUT_OF_REACH!r}"


@dataclass(frozen=True)
class MatchCount:
    """How many sprouts of a model and tier meet a rule; extrapolated from a sample where not `exact`.

    Of `unknown` of them every signal that the rule asks for is unknown. Of the matches `held` are on hold,
    and `no_signals` of the others have no signals at all: a run would leave both where they are.
    """

    matches: int
    candidates: int
    exact: bool = True
    unknown: int = 0
    held: int = 0
    no_signals: int = 0

    @property
    def movable(self) -> int:
        """How many of the matches a run may move."""
        return max(0, self.matches - self.held - self.no_signals)  # each is rounded by itself


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

    @property
    def any_near(self) -> bool:
        """Whether the nearest of those that miss have more than nothing of what is asked for."""
        return any(miss.actual for miss in self.near_misses)


def count_matches(definition: RuleDefinition, *, using: str = "default") -> MatchCount:
    """Count the sprouts in a rule's model and from tier that meet its criteria now.

    Other rules and their order are not looked at. In a large grove the answer is an estimate
    unless a copy of the candidates is there, see `preview_details`. Raise RulesRefused when the model,
    from tier, logic or a criterion is not valid.
    """
    require_readable(definition, lifecycles(using))
    with candidates_of(definition, (), exact=False, using=using) as candidates:
        rule = candidates.compiled(definition)
        counted = {"of": Count("pk"), "matches": Count("pk", filter=rule.matches())}
        if unknown := rule.nothing_known():
            counted["unknown"] = Count("pk", filter=unknown)
        staying = candidates.staying(rule)
        counted |= {name: Count("pk", filter=condition) for name, condition in staying.items()}
        return _count(candidates, candidates.rows.aggregate(**counted))


def preview_details(
    definition: RuleDefinition,
    *,
    active: RuleVersion | None = None,
    exact: bool = False,
    using: str = "default",
) -> PreviewDetails:
    """Say what a rule would do now, also compared with its active version; see `count_matches`.

    In a large grove the answer comes from a sample of the candidates at first, as its count says. With
    `exact` a copy of them is made, which takes seconds and makes all later previews of this tier exact
    and quick; only a tier of more than two million sprouts, or one that others are copying for long, is
    still answered from a sample.
    """
    ladders = lifecycles(using)
    require_readable(definition, ladders)
    former = active.definition if active else None
    if former and (place_of(former) != place_of(definition) or not is_readable(former, ladders)):
        former = None
    earlier = _earlier(definition, ladders, using)
    others = [*earlier, former] if former else earlier
    with candidates_of(definition, others, exact=exact, using=using) as candidates:
        return _Preview(definition, former, earlier, candidates, using).details()


def _count(candidates: Candidates, figures: Mapping[str, int]) -> MatchCount:
    of = figures["of"]
    names = ("matches", "unknown", "held", "no_signals")
    counted = {name: candidates.extrapolated(figures.get(name, 0), of) for name in names}
    total = of if candidates.total is None else candidates.total
    return MatchCount(candidates=total, exact=candidates.exact, **counted)


def _earlier(definition: RuleDefinition, ladders: Lifecycles, using: str) -> list[RuleDefinition]:
    """Return the rules that a run tries before this one on the same sprouts."""
    rules, _ = split_by_validity((v.definition for v in active_versions(using)), ladders)
    return [
        rule
        for rule in rules
        if place_of(rule) == place_of(definition)
        and rule.slug != definition.slug
        and rule.order < definition.order
    ]


class _Preview:
    """One rule over its candidates."""

    def __init__(
        self,
        definition: RuleDefinition,
        former: RuleDefinition | None,
        earlier: list[RuleDefinition],
        candidates: Candidates,
        using: str,
    ) -> None:
        self._definition = definition
        self._former = former
        self._earlier = earlier
        self._candidates = candidates
        self._using = using
        self._alone = [f"alone_{index}" for index in range(len(definition.criteria))]

    def details(self) -> PreviewDetails:
        judged = judge(self._candidates, self._columns(), self._figures(), self._groups(), self._using)
        keys = {key for group in judged.keys.values() for key in group}
        shown = named(self._definition, keys, self._candidates.values.as_of, self._using)

        def sprouts(name: str) -> tuple[NamedSprout, ...]:
            return tuple(NamedSprout(key, *shown[key]) for key in judged.keys[name])

        def number(name: str) -> int:
            return self._candidates.extrapolated(judged.figures[name], judged.figures["of"])

        def difference(name: str) -> Difference | None:
            return Difference(number(name), sprouts(name)) if self._former else None

        return PreviewDetails(
            count=_count(self._candidates, judged.figures),
            alone=tuple(number(name) for name in self._alone),
            gained=difference("gained"),
            lost=difference("lost"),
            active_matches=number("active") if self._former else None,
            matches=sprouts("matches"),
            near_misses=tuple(self._near_miss(key, *shown[key]) for key in judged.keys["near"]),
            near_miss_count=number("near"),
            also_earlier=tuple(
                (rule.slug, number(f"earlier_{index}"))
                for index, rule in enumerate(self._earlier)
                if judged.figures[f"earlier_{index}"]
            ),
        )

    def _columns(self) -> dict[str, Expression]:
        """What is asked of each candidate: 1 or 0, and how far it is."""
        rule = self._candidates.compiled(self._definition)
        columns: dict[str, Expression] = {"hit": _flag(rule.matches()), "reach": reach(rule)}
        if unknown := rule.nothing_known():
            columns["blank"] = _flag(unknown)
        columns |= {f"stays_{name}": _flag(stays) for name, stays in self._candidates.staying(rule).items()}
        columns |= {name: _flag(rule.meets(index)) for index, name in enumerate(self._alone)}
        if self._former:
            columns["was"] = _flag(self._candidates.compiled(self._former).matches())
        for index, other in enumerate(self._earlier):
            columns[f"also_{index}"] = _flag(self._candidates.compiled(other).matches())
        return columns

    def _figures(self) -> dict[str, str]:
        """What is counted of the candidates, by those columns."""
        figures = {"of": "1", "matches": "hit", "near": f"CASE WHEN {_NEAR} THEN 1 ELSE 0 END"}
        figures |= {name: name for name in self._alone}
        rule = self._candidates.compiled(self._definition)
        if rule.nothing_known():
            figures["unknown"] = "blank"
        figures |= {name: f"stays_{name}" for name in self._candidates.staying(rule)}
        figures |= {f"earlier_{index}": f"hit * also_{index}" for index in range(len(self._earlier))}
        if self._former:
            figures |= {"active": "was", "gained": "hit * (1 - was)", "lost": "was * (1 - hit)"}
        return figures

    def _groups(self) -> dict[str, str]:
        """Who is named."""
        groups = {"matches": "hit = 1", "near": _NEAR}
        if self._former:
            groups |= {"gained": "hit = 1 AND was = 0", "lost": "hit = 0 AND was = 1"}
        return groups

    def _near_miss(self, key: UUID, title: str, evidence: list[dict[str, Any]]) -> NearMiss:
        misses = [
            miss
            for index, (criterion, line) in enumerate(zip(self._definition.criteria, evidence, strict=True))
            if not line["met"] and (miss := missed(index, criterion, line["actual"]))
        ]
        nearest = min(misses)
        return NearMiss(key, title, nearest.criterion, nearest.actual, nearest.needed, nearest.gap)


def _flag(condition: Q) -> Expression:
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())
