"""The preview, on whichever database, and plain Python say the same about a rule that nobody has saved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from advancement.criteria.rules import CriterionDefinition, RuleDefinition
from advancement.criteria.signals import SIGNALS
from advancement.criteria.validation import check_rule
from advancement.evaluation.histogram import Histogram, histogram
from advancement.evaluation.preview import (
    Difference,
    NamedSprout,
    NearMiss,
    PreviewDetails,
    count_matches,
    preview_details,
)
from advancement.models import RuleVersion
from advancement.rulebook.reading import lifecycles
from advancement.rulebook.saving import save_rules
from tests.criteria.cast import make_rule
from tests.evaluation.groves import Rows, aggregations, criteria
from tests.factories import CREATED, make_signals, make_sprout, refreshed
from tests.oracle import COMPARE, Values, evaluate_criterion, evaluate_rule

NOW = CREATED + timedelta(days=6)


@dataclass(frozen=True)
class Case:
    """A rule being written, the version in use, rules that are tried earlier, and sprouts by their tier."""

    rule: RuleDefinition
    active: RuleDefinition
    earlier: list[RuleDefinition]
    sprouts: list[tuple[str, Rows, int]]


@st.composite
def written(draw: st.DrawFn, **fields: Any) -> RuleDefinition:
    drawn = draw(st.lists(criteria(), min_size=1, max_size=3))
    return make_rule(*drawn, logic=draw(st.sampled_from(["AND", "OR"])), **fields)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a rule and a grove of up to twelve sprouts, most of which it looks at."""
    rule = draw(written())
    changed = draw(st.booleans())
    active = draw(written(from_tier=draw(st.sampled_from(["sprout", "sprout", "seed"])))) if changed else rule
    earlier = [
        draw(
            written(
                slug=f"earlier-{n}",
                priority=draw(st.sampled_from([1, 100, 101])),
                enabled=draw(st.booleans()),
            )
        )
        for n in range(draw(st.integers(0, 2)))
    ]
    tiers = st.sampled_from(["sprout", "sprout", "sprout", "seed"])
    sprouts = draw(st.lists(st.tuples(tiers, aggregations(), st.integers(0, 4)), min_size=1, max_size=12))
    return Case(rule, active, earlier, sprouts)


def plant(case: Case) -> dict[UUID, Values]:
    """Save the sprouts and return the values of those in the rule's tier."""
    refreshed()
    found: dict[UUID, Values] = {}
    for tier, rows, days in case.sprouts:
        sprout = make_sprout(tier, tier_updated_at=CREATED + timedelta(days=days))
        for period, row in rows.items():
            make_signals(sprout, period, **row)
        values = {(name, period): value for period, row in rows.items() for name, value in row.items()}
        values["daysInTier", "all_time"] = float(6 - days)
        if tier == case.rule.from_tier:
            found[sprout.pk] = values
    return found


class TestPreview(TestCase):
    """One grove for each example, rolled back after it."""

    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cases())
    def test_preview_and_histogram_agree_with_the_oracle(self, case: Case) -> None:
        usable = [
            rule
            for rule in [case.active, *case.earlier]
            if all(p.blocks == "nothing" for p in check_rule(rule, lifecycles()))
        ]
        save_rules(usable, by="tests")
        sprouts = plant(case)
        active = RuleVersion.objects.filter(active_in=case.active.slug).first()
        with mock.patch("advancement.evaluation.reading.database_now", return_value=NOW):
            counted = count_matches(case.rule)
            details = preview_details(case.rule, active=active)
            charts = [histogram(case.rule, index) for index in range(len(case.rule.criteria))]
        assert details.count == counted
        check_counts(details, case, sprouts, active is not None)
        check_earlier(details, [rule for rule in usable if rule.slug != case.rule.slug], case, sprouts)
        check_near_misses(details, case.rule, sprouts)
        for index, chart in enumerate(charts):
            check_chart(chart, case.rule, index, sprouts)


def matching(rule: RuleDefinition, sprouts: dict[UUID, Values]) -> set[UUID]:
    return {key for key, values in sprouts.items() if evaluate_rule(rule, values)}


def check_counts(details: PreviewDetails, case: Case, sprouts: dict[UUID, Values], saved: bool) -> None:
    now = matching(case.rule, sprouts)
    assert (details.count.matches, details.count.candidates) == (len(now), len(sprouts))
    assert details.count.exact
    assert details.alone == tuple(
        sum(evaluate_criterion(criterion, values) for values in sprouts.values())
        for criterion in case.rule.criteria
    )
    check_named(details.matches, now, case.rule, sprouts)
    if not saved or case.active.from_tier != case.rule.from_tier:
        assert (details.gained, details.lost, details.active_matches) == (None, None, None)
        return
    before = matching(case.active, sprouts)
    assert details.active_matches == len(before)
    check_difference(details.gained, now - before, case.rule, sprouts)
    check_difference(details.lost, before - now, case.rule, sprouts)


def check_difference(
    found: Difference | None, keys: set[UUID], rule: RuleDefinition, sprouts: dict[UUID, Values]
) -> None:
    assert found
    assert found.count == len(keys)
    check_named(found.sprouts, keys, rule, sprouts)


def check_named(
    found: Sequence[NamedSprout], keys: set[UUID], rule: RuleDefinition, sprouts: dict[UUID, Values]
) -> None:
    assert [sprout.sprout_id for sprout in found] == sorted(keys)[:10]
    for sprout in found:
        assert sprout.title == "notes/a-note.md"
        values = sprouts[sprout.sprout_id]
        assert [(line["signal"], line["met"]) for line in sprout.evidence] == [
            (criterion.signal, evaluate_criterion(criterion, values)) for criterion in rule.criteria
        ]
        assert [line["actual"] for line in sprout.evidence] == [value(c, values) for c in rule.criteria]


def check_earlier(
    details: PreviewDetails, saved: list[RuleDefinition], case: Case, sprouts: dict[UUID, Values]
) -> None:
    now = matching(case.rule, sprouts)
    earlier = sorted((r for r in saved if r.enabled and r.order < case.rule.order), key=lambda r: r.order)
    counts = [(rule.slug, len(matching(rule, sprouts) & now)) for rule in earlier]
    assert details.also_earlier == tuple((slug, number) for slug, number in counts if number)


def value(criterion: CriterionDefinition, values: Values) -> float | None:
    period = "all_time" if criterion.signal == "daysInTier" else criterion.period
    return values.get((criterion.signal, period))


def missed_by(criterion: CriterionDefinition, actual: float | None) -> tuple[float, float] | None:
    """Return needed value and gap; None if the value is unknown, or none would meet the criterion."""
    if actual is None:
        return None
    signal, threshold = SIGNALS[criterion.signal], criterion.threshold
    compare = COMPARE[criterion.operator]
    if signal.integral:
        for distance in range(30):
            for candidate in (actual - distance, actual + distance):
                if candidate >= 0 and compare(candidate, threshold):
                    return candidate, distance
        return None
    if (criterion.operator, threshold) in [("<", signal.low), (">", signal.high)]:
        return None
    return threshold, abs(threshold - actual)


def near_misses(
    rule: RuleDefinition, sprouts: dict[UUID, Values]
) -> list[tuple[float, UUID, int, float, float]]:
    """Return relative gap, sprout, criterion, needed and gap of every near miss, nearest first."""
    found = []
    for key, values in sprouts.items():
        failed = [i for i, c in enumerate(rule.criteria) if not evaluate_criterion(c, values)]
        if evaluate_rule(rule, values) or (rule.logic == "AND" and len(failed) > 1):
            continue
        options = []
        for index in failed:
            criterion = rule.criteria[index]
            if miss := missed_by(criterion, value(criterion, values)):
                options.append((miss[1] / (criterion.threshold or 1), key, index, *miss))
        if options:
            found.append(min(options))
    return sorted(found)


def check_near_misses(details: PreviewDetails, rule: RuleDefinition, sprouts: dict[UUID, Values]) -> None:
    expected = near_misses(rule, sprouts)
    assert details.near_miss_count == len(expected)
    assert list(details.near_misses) == [
        NearMiss(
            key,
            "notes/a-note.md",
            index,
            value(rule.criteria[index], sprouts[key]) or 0.0,
            needed,
            round(gap, 10),
        )
        for _, key, index, needed, gap in expected[:10]
    ]


def check_chart(chart: Histogram, rule: RuleDefinition, index: int, sprouts: dict[UUID, Values]) -> None:
    own = rule.criteria[index]
    others = [criterion for i, criterion in enumerate(rule.criteria) if i != index]
    left = [
        values
        for values in sprouts.values()
        if rule.logic == "OR" or all(evaluate_criterion(c, values) for c in others)
    ]
    actual = [found for values in left if (found := value(own, values)) is not None]
    assert chart.unknown == len(left) - len(actual)
    assert sum(part.count for part in chart.bins) == len(actual)
    assert sum(part.count for part in chart.bins if part.meets) == sum(
        COMPARE[own.operator](found, own.threshold) for found in actual
    )
    for part in chart.bins:
        check_bin(part, own, actual)
    for threshold, number in chart.at:
        asked = [replace(c, threshold=threshold) if i == index else c for i, c in enumerate(rule.criteria)]
        assert number == len(matching(replace(rule, criteria=tuple(asked)), sprouts))
    assert own.threshold in [threshold for threshold, _ in chart.at]
    assert [t for t, _ in chart.at] == sorted({t for t, _ in chart.at})


def check_bin(part: Any, own: CriterionDefinition, actual: list[float]) -> None:
    within = [found for found in actual if part.low <= found <= part.high]
    if SIGNALS[own.signal].integral:
        assert part.count == len(within)
    else:  # who is on the border belongs to one of two bins
        inside = [found for found in actual if part.low < found < part.high]
        assert len(inside) <= part.count <= len(within)
