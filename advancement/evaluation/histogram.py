"""How the values of one criterion's signal are spread, and how many would match at other thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from django.db.models import Case, Count, F, FloatField, IntegerField, Max, Min, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable, Expression
from django.db.models.functions import Cast
from django.db.models.lookups import IsNull, LessThan

from advancement.criteria.bins import Cut, Spread, cuts_for, label, step_for
from advancement.criteria.intervals import interval_of
from advancement.criteria.rules import Logic, RuleDefinition
from advancement.criteria.signals import SIGNALS, Signal, Unit
from advancement.database.clock import database_now
from advancement.database.snapshot import one_snapshot
from advancement.evaluation.candidates import Candidates, require_readable, stored_candidates

# Thresholds on either side of the present one that "how many at N" looks at.
_STEPS_EACH_SIDE: Final = 3
# The part of the values at either end that need not be drawn to scale.
_TAIL: Final = 0.01
_UNKNOWN: Final = -1
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
    is included, with how many would match the rule there.
    """

    signal: str
    period: str
    bins: tuple[Bin, ...]
    unknown: int
    threshold: float
    operator: str
    at: tuple[tuple[float, int], ...]


def histogram(definition: RuleDefinition, criterion: int, *, using: str = "default") -> Histogram:
    """Show where one criterion of a rule, by its index, stands among the values that there are now.

    Raise RulesRefused when the rule's model, from tier, logic or a criterion is not valid, IndexError
    when it has no such criterion.
    """
    require_readable(definition, using)
    with one_snapshot(using):
        as_of = database_now(using)
        candidates = stored_candidates(definition.lifecycle_model, definition.from_tier, as_of, using)
        return _Chart(definition, criterion, candidates).draw()


class _Chart:
    """The values of one criterion of a rule."""

    def __init__(self, definition: RuleDefinition, index: int, candidates: Candidates) -> None:
        self._criterion = definition.criteria[index]
        self._signal = SIGNALS[self._criterion.signal]
        self._definition = definition
        self._index = index
        self._candidates = candidates
        rule = candidates.compiled(definition)
        others = rule.combined(rule.meets(i) for i in range(len(definition.criteria)) if i != index)
        self._any_other = others if definition.logic == Logic.ANY else Q(pk__in=[])
        rows = candidates.rows if definition.logic == Logic.ANY else candidates.rows.filter(others)
        self._rows: QuerySet[Any] = rows.annotate(actual=rule.actual(index))

    def draw(self) -> Histogram:
        spread = self._spread()
        cuts = cuts_for(self._criterion, spread)
        counts = dict(self._grouped([cut.value for cut in cuts]).values_list("bar", "number"))
        borders = [None, *cuts, None]
        bins = [
            self._bin(low, high, counts.get(number, 0), spread)
            for number, (low, high) in enumerate(pairwise(borders))
        ]
        return Histogram(
            signal=self._criterion.signal,
            period=self._criterion.period,
            bins=tuple(bins),
            unknown=counts.get(_UNKNOWN, 0),
            threshold=self._criterion.threshold,
            operator=self._criterion.operator,
            at=self._at(step_for(self._criterion, spread)),
        )

    def _spread(self) -> Spread | None:
        """Say where the values lie, from coarse groups of them."""
        groups = self._grouped(_coarse(self._signal)).filter(actual__isnull=False)
        found = sorted(groups.values_list("lowest", "highest", "number"))
        if not found:
            return None
        tail = _TAIL * sum(number for _, _, number in found)
        return Spread(
            lowest=found[0][0],
            highest=found[-1][1],
            low=_reached([(low, number) for low, _, number in found], tail),
            high=_reached([(high, number) for _, high, number in reversed(found)], tail),
        )

    def _grouped(self, cuts: Sequence[float]) -> "QuerySet[Any, Any]":
        rows = self._rows.annotate(bar=_bar(F("actual"), cuts)).order_by().values("bar")
        grouped: QuerySet[Any, Any] = rows.annotate(
            number=Count("*"), lowest=Min("actual"), highest=Max("actual")
        )
        return grouped

    def _bin(self, low: Cut | None, high: Cut | None, count: int, spread: Spread | None) -> Bin:
        start = low.shown if low else self._signal.low
        end = self._signal.high if high is None else high.shown - self._signal.integral
        first = low.value if low else self._signal.low
        meets = interval_of(self._criterion)
        inside = meets is not None and meets.low <= first <= meets.high
        return Bin(start, end, count, label(low, high, spread, self._signal), inside)

    def _at(self, step: float) -> tuple[tuple[float, int], ...]:
        present = self._criterion.threshold
        around = (round(present + step * n, 10) for n in range(-_STEPS_EACH_SIDE, _STEPS_EACH_SIDE + 1))
        thresholds = sorted({present, *(t for t in around if self._signal.low <= t <= self._signal.high)})
        counts = self._rows.aggregate(
            **{
                f"at_{number}": Count(self._candidates.key, filter=self._any_other | self._meets(threshold))
                for number, threshold in enumerate(thresholds)
            }
        )
        return tuple((threshold, counts[f"at_{number}"]) for number, threshold in enumerate(thresholds))

    def _meets(self, threshold: float) -> Q:
        criteria = list(self._definition.criteria)
        criteria[self._index] = replace(self._criterion, threshold=threshold)
        rule = self._candidates.compiled(replace(self._definition, criteria=tuple(criteria)))
        return rule.meets(self._index)


def _reached(values: Sequence[tuple[float, int]], tail: float) -> float:
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


def _bar(actual: Combinable, cuts: Sequence[float]) -> Expression:
    """The number of the cuts that a value has reached, by halving; `_UNKNOWN` without a value."""
    known = _halved(actual, cuts, 0)
    return Case(When(IsNull(actual, True), then=Value(_UNKNOWN)), default=known, **_INTEGER)


def _halved(actual: Combinable, cuts: Sequence[float], first: int) -> Expression:
    if not cuts:
        return Value(first)
    middle = len(cuts) // 2
    below = LessThan(actual, Cast(Value(cuts[middle]), FloatField()))
    return Case(
        When(below, then=_halved(actual, cuts[:middle], first)),
        default=_halved(actual, cuts[middle + 1 :], first + middle + 1),
        **_INTEGER,
    )
