"""How the values of one criterion's signal are spread, and how many would match at other thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from django.db.models import Aggregate, Case, Count, F, IntegerField, Max, Min, Q, QuerySet, Value, When
from django.db.models.expressions import Expression
from django.db.models.lookups import IsNull

from advancement.criteria.bins import Cut, Spread, cuts_for, label, thresholds_around
from advancement.criteria.intervals import interval_of
from advancement.criteria.rules import Logic, RuleDefinition
from advancement.criteria.signals import SIGNALS, Signal, Unit
from advancement.evaluation.candidates import Candidates, require_readable
from advancement.evaluation.compile import CompiledRule
from advancement.evaluation.expressions import Reached
from advancement.evaluation.reading import candidates_of
from advancement.rulebook.reading import lifecycles

# The part of the values at either end that need not be drawn to scale.
_LOW_TAIL: Final = 0.01
_HIGH_TAIL: Final = 0.05
# In place of the number of a bar: the value is unknown; the other criteria are not met.
_UNKNOWN: Final = -1
_ELSEWHERE: Final = -2
_INTEGER: Final[dict[str, Any]] = {"output_field": IntegerField()}


@dataclass(frozen=True)
class Bin:
    """A range of values and how many sprouts are in it; `meets` says whether they meet the criterion.

    Of signals in whole numbers both ends are included. The last bin of a chart is open.
    """

    low: float
    high: float
    count: int
    label: str
    meets: bool


@dataclass(frozen=True)
class Histogram:
    """The values of a criterion's signal over the sprouts that its rule leaves to this criterion.

    For a rule that asks for all criteria, those that meet all others; for one that asks for any, all
    candidates. `unknown` of them have no known value. `at` are thresholds around the present one, which
    is included, with how many would match the rule there. Where not `exact`, figures are extrapolated.
    """

    signal: str
    period: str
    bins: tuple[Bin, ...]
    unknown: int
    threshold: float
    operator: str
    at: tuple[tuple[float, int], ...]
    exact: bool = True


def histogram(
    definition: RuleDefinition, criterion: int, *, exact: bool = False, using: str = "default"
) -> Histogram:
    """Show where one criterion of a rule, by its index, stands among the values that there are now.

    `exact` is that of `preview_details`. Raise RulesRefused when the rule's model, from tier, logic or a
    criterion is not valid, IndexError when it has no such criterion.
    """
    require_readable(definition, lifecycles(using))
    with candidates_of(definition, (), exact=exact, using=using) as candidates:
        return _Chart(definition, criterion, candidates).draw()


@dataclass(frozen=True)
class _Group:
    """Candidates whose values are in one range: how many, from where to where, and how many match at N."""

    bar: int
    number: int
    lowest: float | None
    highest: float | None
    at: tuple[int, ...]


class _Chart:
    """The values of one criterion of a rule."""

    def __init__(self, definition: RuleDefinition, index: int, candidates: Candidates) -> None:
        self._criterion = definition.criteria[index]
        self._definition = definition
        self._index = index
        self._candidates = candidates
        self._thresholds = thresholds_around(self._criterion)

    def draw(self) -> Histogram:
        coarse = self._coarse_groups()
        cuts = cuts_for(self._criterion, _spread(coarse))
        counts = dict(self._grouped([cut.value for cut in cuts]).values_list("bar", "number"))
        of = sum(group.number for group in coarse)

        def scaled(number: int) -> int:
            return self._candidates.extrapolated(number, of)

        bins = [
            self._bin(low, high, scaled(counts.get(number, 0)))
            for number, (low, high) in enumerate(pairwise([None, *cuts, None]))
        ]
        shown = [group for group in coarse if group.bar != _ELSEWHERE]
        at = [sum(group.at[number] for group in shown) for number in range(len(self._thresholds))]
        return Histogram(
            signal=self._criterion.signal,
            period=self._criterion.period,
            bins=tuple(bins),
            unknown=scaled(counts.get(_UNKNOWN, 0)),
            threshold=self._criterion.threshold,
            operator=self._criterion.operator,
            at=tuple(zip(self._thresholds, map(scaled, at), strict=True)),
            exact=self._candidates.exact,
        )

    def _coarse_groups(self) -> list[_Group]:
        """Say of coarse ranges where their values are, and how many would match at other thresholds."""
        more: dict[str, Aggregate] = {
            f"at_{number}": Count("pk", filter=self._matches(threshold))
            for number, threshold in enumerate(self._thresholds)
        }
        groups = self._grouped(_coarse(SIGNALS[self._criterion.signal])).annotate(
            lowest=Min("actual"), highest=Max("actual"), **more
        )
        rows = groups.values_list("bar", "number", "lowest", "highest", *more)
        return [_Group(bar, number, low, high, tuple(at)) for bar, number, low, high, *at in rows]

    def _grouped(self, cuts: Sequence[float]) -> "QuerySet[Any, Any]":
        """The candidates between borders, and how many they are."""
        rows = self._candidates.rows.annotate(actual=self._rule().actual(self._index))
        bars = rows.annotate(bar=self._bar(cuts)).order_by().values("bar")
        grouped: QuerySet[Any, Any] = bars.annotate(number=Count("pk"))
        return grouped

    def _rule(self, threshold: float | None = None) -> CompiledRule:
        """The rule, on request with another threshold."""
        if threshold is None:
            return self._candidates.compiled(self._definition)
        criteria = list(self._definition.criteria)
        criteria[self._index] = replace(self._criterion, threshold=threshold)
        return self._candidates.compiled(replace(self._definition, criteria=tuple(criteria)))

    def _matches(self, threshold: float) -> Q:
        """Whether one of those that the chart shows would match at a threshold."""
        rule = self._rule(threshold)
        return rule.matches() if self._definition.logic == Logic.ANY else rule.meets(self._index)

    def _bar(self, cuts: Sequence[float]) -> Expression:
        """The number of the cuts that a value has reached, or why it has none."""
        unknown = When(IsNull(F("actual"), True), then=Value(_UNKNOWN))
        bar = Case(unknown, default=Reached(F("actual"), tuple(cuts)), **_INTEGER)
        others = [index for index in range(len(self._definition.criteria)) if index != self._index]
        if self._definition.logic == Logic.ANY or not others:
            return bar
        rule = self._rule()
        theirs = rule.combined(rule.meets(index) for index in others)
        return Case(When(theirs, then=bar), default=Value(_ELSEWHERE), **_INTEGER)

    def _bin(self, low: Cut | None, high: Cut | None, count: int) -> Bin:
        signal = SIGNALS[self._criterion.signal]
        meets = interval_of(self._criterion)
        first = low.value if low else signal.low
        return Bin(
            low=low.shown if low else signal.low,
            high=high.shown - signal.integral if high else signal.high,
            count=count,
            label=label(low, high, signal),
            meets=meets is not None and meets.low <= first <= meets.high,
        )


def _spread(groups: Sequence[_Group]) -> Spread | None:
    """Say where the values lie, from coarse groups of them."""
    known = [
        (group.lowest, group.highest, group.number)
        for group in sorted(groups, key=lambda group: group.bar)
        if group.bar >= 0 and group.lowest is not None and group.highest is not None
    ]
    if not known:
        return None
    total = sum(number for _, _, number in known)
    return Spread(
        lowest=known[0][0],
        highest=known[-1][1],
        low=_passed([(low, number) for low, _, number in known], _LOW_TAIL * total),
        high=_passed([(high, number) for _, high, number in reversed(known)], _HIGH_TAIL * total),
    )


def _passed(values: Sequence[tuple[float, int]], tail: float) -> float:
    """Return the value at which more than `tail` are passed."""
    passed = 0
    for value, number in values:
        passed += number
        if passed > tail:
            return value
    return values[-1][0]


def _coarse(signal: Signal) -> list[float]:
    if signal.unit is Unit.SCORE:
        return [number / 100 for number in range(1, 100)]
    whole = [float(number) for number in range(1, 33)]
    return whole + [2.0**power * part for power in range(5, 53) for part in (1.25, 1.5, 1.75, 2.0)]
