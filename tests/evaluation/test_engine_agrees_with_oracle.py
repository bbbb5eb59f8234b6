"""The engine, on whichever database, and a plain-Python oracle come to the same end for every sprout."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from advancement.criteria.rules import CriterionDefinition, Operator, RuleDefinition
from advancement.criteria.signals import SIGNALS, Period, Unit
from advancement.criteria.validation import check_rule
from advancement.models import AdvancementEvent, Run, Sprout
from advancement.rulebook import lifecycles
from advancement.runs.work import work_on
from tests.criteria.cast import make_rule
from tests.factories import CREATED, add_rules, make_signals, make_sprout, planned_run
from tests.oracle import bucket, evaluate_criterion, winning_rule

TIERS = ("seed", "sprout", "sapling", "tree")
NAMES = [name for name in SIGNALS if name != "daysInTier"]


def values_of(name: str) -> st.SearchStrategy[float | None]:
    signal = SIGNALS[name]
    if signal.unit is Unit.SCORE:
        return st.none() | st.integers(0, 8).map(lambda n: n / 8)
    return st.none() | st.integers(0, 4)


@st.composite
def aggregations(draw: st.DrawFn) -> dict[str, dict[str, float | None]]:
    """Draw the rows of one sprout, by period; a period without a row is absent."""
    periods = draw(st.sets(st.sampled_from(list(Period))))
    return {period: {name: draw(values_of(name)) for name in NAMES} for period in sorted(periods)}


@st.composite
def rule(draw: st.DrawFn, number: int) -> RuleDefinition:
    criteria = []
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from([*NAMES, "daysInTier"]))
        threshold = draw(
            st.integers(0, 8).map(lambda n: n / 8) if SIGNALS[name].high == 1 else st.integers(0, 4)
        )
        operator = draw(st.sampled_from(list(Operator)))
        criteria.append(
            CriterionDefinition(name, operator, float(threshold), draw(st.sampled_from(list(Period))))
        )
    start = draw(st.integers(0, 3))
    return make_rule(
        *criteria,
        slug=f"rule-{number}",
        from_tier=TIERS[start],
        to_tier=draw(st.sampled_from([*TIERS, "grove"][start + 1 :])),
        logic=draw(st.sampled_from(["AND", "OR"])),
        priority=draw(st.integers(1, 2)),
    )


@st.composite
def groves(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "rules": [draw(rule(number)) for number in range(draw(st.integers(0, 4)))],
        "sprouts": [
            (draw(st.sampled_from([*TIERS, "shrub"])), draw(aggregations()))
            for _ in range(draw(st.integers(1, 6)))
        ],
        "days": draw(st.integers(0, 4)),
    }


def meetable(rules: list[RuleDefinition]) -> list[RuleDefinition]:
    """Leave out the rules that are refused since nothing can meet them."""
    known = lifecycles()
    return [r for r in rules if all(p.blocks == "nothing" for p in check_rule(r, known))]


class TestEngine(TestCase):
    """One grove for each example, rolled back after it."""

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(groves())
    def test_plan_apply_and_evidence_agree_with_the_oracle(self, grove: dict[str, Any]) -> None:
        rules = meetable(grove["rules"])
        add_rules(*rules)
        cast = self._plant(grove)

        run = planned_run(from_tiers=TIERS)
        assert run.as_of
        days = (run.as_of - CREATED - timedelta(days=grove["days"])) // timedelta(microseconds=1) / 86_400e6
        expected = {}
        for sprout, rows in cast.items():
            values = {(name, period): v for period, row in rows.items() for name, v in row.items()}
            values["daysInTier", "all_time"] = days
            own = [r for r in rules if r.from_tier == sprout.tier]
            end = bucket(own, values, tier_known=sprout.tier != "shrub", has_signals=bool(rows))
            expected[sprout.pk] = (end, winning_rule(own, values) if end == "advanced" else None, values)

        ends = Counter(end for end, _, _ in expected.values())
        assert run.evaluated == len(cast)
        assert (run.moves_planned, run.no_match, run.no_signals, run.invalid) == (
            ends["advanced"], ends["no_match"], ends["no_signals"], ends["invalid"],
        )  # fmt: skip
        planned = {
            move.sprout_id: move.rule_version.rule_id for move in run.moves.select_related("rule_version")
        }
        assert planned == {pk: rule.slug for pk, (_, rule, _) in expected.items() if rule}

        self._apply(run)
        for event in AdvancementEvent.objects.filter(run_id=run.pk):
            _, winner, values = expected.pop(event.sprout_id)
            assert winner
            assert Sprout.objects.get(pk=event.sprout_id).tier == event.to_tier == winner.to_tier
            assert [(c["signal"], c["threshold"], c["met"]) for c in event.criteria_met] == [
                (c.signal, c.threshold, evaluate_criterion(c, values)) for c in winner.criteria
            ]
            for criterion in event.criteria_met:
                period = "all_time" if criterion["signal"] == "daysInTier" else criterion["period"]
                assert criterion["actual"] == pytest.approx(
                    values.get((criterion["signal"], period)), abs=1e-12
                )
        assert not any(winner for _, winner, _ in expected.values())

    def _plant(self, grove: dict[str, Any]) -> dict[Sprout, dict[str, dict[str, float | None]]]:
        cast = {}
        for tier, rows in grove["sprouts"]:
            sprout = make_sprout(tier, tier_updated_at=CREATED + timedelta(days=grove["days"]))
            for period, row in rows.items():
                make_signals(sprout, period, **row)
            cast[sprout] = rows
        return cast

    def _apply(self, run: Run) -> None:
        finished = work_on(run.pk, run.lease_token)
        assert finished.status == "succeeded", finished.error
        assert finished.advanced == run.moves_planned
