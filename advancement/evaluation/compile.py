"""Rules compiled to query expressions: the one form that matches, counts, explains and re-checks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    DateTimeField,
    F,
    FilteredRelation,
    FloatField,
    JSONField,
    Model,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.expressions import Combinable, Expression, ExpressionWrapper
from django.db.models.functions import Cast, JSONArray, JSONObject
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Lookup,
)

from advancement.criteria.rules import Logic, Operator, RuleDefinition
from advancement.criteria.signals import SIGNALS, Period, Signal, Unit
from advancement.evaluation.expressions import DaysBetween, Json, JsonDouble, JsonScore, JsonTruth, column
from advancement.models import RuleVersion

_Row = TypeVar("_Row", bound=Model)

_LOOKUPS: "Final[dict[str, type[Lookup[Any]]]]" = {
    Operator.GTE: GreaterThanOrEqual,
    Operator.GT: GreaterThan,
    Operator.EQ: Exact,
    Operator.LT: LessThan,
    Operator.LTE: LessThanOrEqual,
}


def with_signals(queryset: "QuerySet[_Row]", sprout: str = "") -> "QuerySet[_Row]":
    """Join the signals of each period under the period's name; `sprout` is the path to the sprout."""
    prepared: QuerySet[_Row] = queryset.annotate(
        **{
            period.value: FilteredRelation(
                f"{sprout}signal_aggregations",
                condition=Q(**{f"{sprout}signal_aggregations__period": period.value}),
            )
            for period in Period
        }
    )
    return prepared


class SignalValues:
    """Where the values of signals stand: beside a sprout, in a queryset that `with_signals` has prepared.

    `as_of` is the instant that days in a tier are counted to, `sprout` the path from the queryset's rows
    to the sprout.
    """

    def __init__(self, as_of: datetime, sprout: str = "") -> None:
        self.as_of = as_of
        self.sprout = sprout

    def value(self, signal: Signal, period: Period) -> Combinable:
        """The value of a signal, as rules test it; null where it is unknown."""
        if signal.column is None:
            return DaysBetween(
                F(f"{self.sprout}tier_updated_at"), Value(self.as_of, output_field=DateTimeField())
            )
        stored = column(period.value, signal.column)
        return (stored + 1.0) / 2.0 if signal.halved else stored

    def shown(self, signal: Signal, period: Period) -> Combinable:
        """The value as events show it, to the last digit."""
        value = self.value(signal, period)
        if signal.column is None:
            return JsonDouble(value)
        return JsonScore(value) if signal.unit is Unit.SCORE else value


class CompiledRule:
    """The criteria of one rule, stored or not, as query expressions; its model and tier are not looked at.

    Unknown signals are null and null is never met, which is what SQL's three-valued logic does.
    """

    def __init__(self, definition: RuleDefinition, values: SignalValues) -> None:
        self.definition = definition
        self._values = values

    def matches(self) -> Q:
        """Whether the criteria are met."""
        return self.combined(self.meets(index) for index in range(len(self.definition.criteria)))

    def combined(self, conditions: Iterable[Q]) -> Q:
        """Join conditions as the rule's logic says; none at all is no condition."""
        joined = Q()
        for condition in conditions:
            joined = joined & condition if self.definition.logic == Logic.ALL else joined | condition
        return joined

    def meets(self, index: int) -> Q:
        """Whether one criterion is met."""
        # Values and thresholds meet as IEEE doubles on both databases.
        criterion = self.definition.criteria[index]
        threshold = Cast(Value(criterion.threshold), FloatField())
        return Q(_LOOKUPS[criterion.operator](self.actual(index), threshold))

    def actual(self, index: int) -> Cast:
        """The value that one criterion tests, as a double; null where it is unknown."""
        criterion = self.definition.criteria[index]
        return Cast(self._values.value(SIGNALS[criterion.signal], Period(criterion.period)), FloatField())

    def met_without_signals(self) -> bool:
        """Whether time in the tier alone can meet the rule, on a sprout that has no signals at all."""
        timed = [SIGNALS[criterion.signal].column is None for criterion in self.definition.criteria]
        return all(timed) if self.definition.logic == Logic.ALL else any(timed)

    def nothing_known(self) -> Q | None:
        """Whether every signal that the rule asks for is unknown; None for a rule that asks for none."""
        criteria = enumerate(self.definition.criteria)
        asked = [index for index, criterion in criteria if SIGNALS[criterion.signal].column is not None]
        unknown = Q()
        for index in asked:
            unknown &= Q(IsNull(self.actual(index), True))
        return unknown if asked else None

    def holds(self) -> Expression:
        """Whether the criteria are met, as a column; null counts as not met."""
        return ExpressionWrapper(self.matches(), output_field=BooleanField())

    def evidence(self) -> Expression:
        """Each criterion with its actual value, in their order, as a JSON list."""
        return JSONArray(
            *(
                JSONObject(
                    signal=Value(criterion.signal),
                    operator=Value(str(criterion.operator)),
                    threshold=_plain_number(criterion.threshold),
                    period=Value(str(criterion.period)),
                    actual=self._values.shown(SIGNALS[criterion.signal], Period(criterion.period)),
                    met=JsonTruth(ExpressionWrapper(self.meets(index), output_field=BooleanField())),
                )
                for index, criterion in enumerate(self.definition.criteria)
            )
        )


@dataclass(frozen=True)
class ProposedRule:
    """A rule that is not stored, to be tried like a version; its `pk` tells it from all others."""

    pk: int
    definition: RuleDefinition

    @property
    def rule_id(self) -> str:
        """The rule's slug."""
        return self.definition.slug

    @property
    def priority(self) -> int:
        """Its priority."""
        return self.definition.priority

    @property
    def lifecycle_model_id(self) -> str:
        """The slug of its lifecycle model."""
        return self.definition.lifecycle_model

    @property
    def from_tier(self) -> str:
        """The slug of the tier that it leads from."""
        return self.definition.from_tier


class CompiledRules:
    """A rule set as query expressions over a queryset that `with_signals` has prepared.

    `versions` are tried in the order of their priority, then slug. `as_of` is the run's frozen instant
    and `sprout` the path from the queryset's rows to the sprout.
    """

    def __init__(
        self, versions: Sequence[RuleVersion | ProposedRule], as_of: datetime, sprout: str = ""
    ) -> None:
        self._versions = sorted(versions, key=lambda version: (version.priority, version.rule_id))
        self._values = SignalValues(as_of, sprout)
        self._rules = {version.pk: CompiledRule(version.definition, self._values) for version in versions}

    def winner(self) -> Expression:
        """The id of the version that the sprout meets first, else null.

        Nested by model and tier, so that a row is compared only with the rules of its own tier.
        """
        by_tier: dict[tuple[str, str], list[When]] = defaultdict(list)
        for version in self._versions:
            by_tier[version.lifecycle_model_id, version.from_tier].append(
                When(self.matches(version), then=Value(version.pk))
            )
        path = self._values.sprout
        return (
            Case(
                *(
                    When(
                        **{f"{path}lifecycle_model": model, f"{path}tier": tier},
                        then=Case(*whens, output_field=BigIntegerField()),
                    )
                    for (model, tier), whens in by_tier.items()
                ),
                output_field=BigIntegerField(),
            )
            if by_tier
            else Value(None, output_field=BigIntegerField())
        )

    def matches(self, version: RuleVersion | ProposedRule) -> Q:
        """Whether the criteria of a version are met; its model and tier are not looked at."""
        return self._rules[version.pk].matches()

    def met_without_signals(self) -> bool:
        """Whether any of the rules can be met by a sprout that has no signals at all."""
        return any(rule.met_without_signals() for rule in self._rules.values())

    def still_met(self, version_path: str) -> Expression:
        """Whether the criteria of the version that `version_path` names are met."""
        return self._per_version(version_path, self.holds, BooleanField())

    def holds(self, version: RuleVersion) -> Expression:
        """Whether the criteria of one version are met, as a column; null counts as not met."""
        return self._rules[version.pk].holds()

    def criteria_met(self, version_path: str) -> Expression:
        """The evidence as stored on events: each criterion with its actual value, in their order."""
        return Json(self._per_version(version_path, self.evidence, JSONField()))

    def evidence(self, version: RuleVersion) -> Expression:
        """Each criterion of one version with its actual value, in their order, as a JSON list."""
        return self._rules[version.pk].evidence()

    def snapshot(self) -> Expression:
        """All signals as stored on events: {period: {signal: value}} and daysInTier; no row is null."""
        shown = self._values.shown
        periods: dict[str, Any] = {
            period.value: Json(
                Case(
                    When(
                        **{f"{period.value}__isnull": False},
                        then=JSONObject(
                            **{
                                signal.name: shown(signal, period)
                                for signal in SIGNALS.values()
                                if signal.column
                            }
                        ),
                    ),
                    output_field=JSONField(),
                )
            )
            for period in Period
        }
        return JSONObject(**periods, daysInTier=shown(SIGNALS["daysInTier"], Period.ALL_TIME))

    def _per_version(self, path: str, expression: Any, output_field: Any) -> Expression:
        if not self._versions:
            return Value(None, output_field=output_field)
        whens = [When(**{path: version.pk}, then=expression(version)) for version in self._versions]
        return Case(*whens, output_field=output_field)


def _plain_number(number: float) -> Expression:
    """Write 3 rather than 3.0, alike on both databases, and every digit of a fraction."""
    whole = int(number)
    return Value(whole) if whole == number else JsonScore(Value(number, output_field=FloatField()))
