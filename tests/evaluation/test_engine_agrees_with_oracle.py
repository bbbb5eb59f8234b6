"""The engine, on whichever database, and a plain-Python oracle come to the same end for every sprout."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra.django import TestCase

from advancement.criteria.rules import RuleDefinition
from advancement.criteria.validation import check_rule
from advancement.evaluation.explain import explain
from advancement.models import AdvancementEvent, Run, Sprout
from advancement.rulebook.reading import lifecycles
from advancement.rulebook.saving import save_rules
from advancement.runs.summary import summarise
from advancement.runs.work import work_on
from tests.evaluation.groves import LADDERS, TIERS, Grove, Planted, groves
from tests.factories import planned_run
from tests.oracle import Values, bucket, evaluate_criterion, evaluate_rule, winning_rule

BUCKETS = ("advanced", "no_match", "no_signals", "held", "invalid", "blocked")


def acceptable(rules: list[RuleDefinition]) -> list[RuleDefinition]:
    """Leave out the rules that are refused: those that are enabled and that nothing can meet."""
    known = lifecycles()
    return [r for r in rules if all(p.blocks == "nothing" for p in check_rule(r, known))]


@dataclass
class Expected:
    """What the oracle says of one sprout: its bucket, the rule that wins, and the values they rest on."""

    bucket: str
    winner: RuleDefinition | None
    values: Values


def judge(grove: Grove, rules: list[RuleDefinition], as_of: datetime) -> dict[Any, Expected]:
    """Let the oracle judge every sprout as it stands."""
    return {
        sprout.pk: judge_one(sprout, grove.cast[sprout.pk], grove, rules, as_of)
        for sprout in Sprout.objects.filter(tier__in=(*TIERS, "shrub"))
    }


def judge_one(
    sprout: Sprout, planted: Planted, grove: Grove, rules: list[RuleDefinition], as_of: datetime
) -> Expected:
    values: dict[tuple[str, str], float | None] = {
        (name, period): value for period, row in planted.rows.items() for name, value in row.items()
    }
    values["daysInTier", "all_time"] = (as_of - sprout.tier_updated_at) / timedelta(microseconds=1) / 86_400e6
    own = [r for r in rules if (r.lifecycle_model, r.from_tier) == (sprout.lifecycle_model_id, sprout.tier)]
    stopped = grove.stopped(rules)
    end = bucket(
        own,
        values,
        tier_known=sprout.tier in LADDERS[sprout.lifecycle_model_id],
        held=planted.held,
        has_signals=bool(planted.rows),
        stopped=stopped,
    )
    live = [rule for rule in own if rule.slug not in stopped]
    return Expected(end, winning_rule(live, values) if end == "advanced" else None, values)


def everything() -> list[list[Any]]:
    """All that an apply may write to."""
    return [list(rows.order_by("pk").values()) for rows in (Sprout.objects, AdvancementEvent.objects)]


class TestEngine(TestCase):
    """One grove for each example, rolled back after it."""

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(groves())
    def test_plan_explanation_apply_and_evidence_agree_with_the_oracle(self, grove: Grove) -> None:
        rules = acceptable(grove.rules)
        save_rules(rules, by="tests")
        grove.plant()
        first = self._night(grove, rules)
        events = list(AdvancementEvent.objects.order_by("pk").values())
        self._night(grove, rules)
        assert list(AdvancementEvent.objects.filter(run_id=first.pk).order_by("pk").values()) == events

    def _night(self, grove: Grove, rules: list[RuleDefinition]) -> Run:
        """Plan, explain and apply, and compare each with the oracle; applying again changes nothing."""
        before = {sprout.pk: sprout for sprout in Sprout.objects.all()}
        run = planned_run(from_tiers=TIERS)
        assert run.as_of
        expected = judge(grove, rules, run.as_of)
        self._check_plan(run, expected)
        for pk, one in expected.items():
            check_explanation(pk, one, rules)
        finished = work_on(run.pk, run.lease_token)
        assert (finished.status, finished.error) == ("succeeded", "")
        check_figures(finished, expected)
        self._check_events(run, expected, before)
        self._apply_again(run)
        return run

    def _check_plan(self, run: Run, expected: dict[Any, Expected]) -> None:
        planned = {
            move.sprout_id: move.rule_version.rule_id for move in run.moves.select_related("rule_version")
        }
        assert planned == {pk: one.winner.slug for pk, one in expected.items() if one.winner}
        assert (run.evaluated, run.moves_planned) == (len(expected), len(planned))
        check_figures(run, expected)

    def _check_events(self, run: Run, expected: dict[Any, Expected], before: dict[Any, Sprout]) -> None:
        events = {event.sprout_id: event for event in AdvancementEvent.objects.filter(run_id=run.pk)}
        assert events.keys() == {pk for pk, one in expected.items() if one.winner}
        for sprout in Sprout.objects.all():
            former = before[sprout.pk]
            if (event := events.get(sprout.pk)) is None:
                assert (sprout.tier, sprout.revision) == (former.tier, former.revision)
                continue
            assert (event.from_tier, event.to_tier) == (former.tier, sprout.tier)
            assert event.revision == sprout.revision == former.revision + 1
            check_evidence(event, expected[sprout.pk])

    def _apply_again(self, run: Run) -> None:
        """Work on the run once more, and then as if nobody knew how far it had got."""
        after = everything()
        work_on(run.pk, run.lease_token)
        assert everything() == after
        Run.objects.filter(pk=run.pk).update(status="applying", cursor=0)
        again = work_on(run.pk, run.lease_token)
        assert again.status == ("failed" if run.moves_planned else "succeeded"), "a move is never made twice"
        assert everything() == after


def check_figures(run: Run, expected: dict[Any, Expected]) -> None:
    """Check that the buckets are the oracle's and add up, of a plan and of a run that is done."""
    figures = summarise(run)
    ends = Counter(one.bucket for one in expected.values())
    assert {name: figures[name] for name in BUCKETS} == {name: ends[name] for name in BUCKETS}
    assert (figures["skipped"], figures["failed"]) == (0, 0)
    assert sum(figures[name] for name in BUCKETS) == figures["evaluated"]
    assert sum(line["count"] for line in figures["by_rule"]) == figures["advanced"]


def check_explanation(pk: Any, expected: Expected, rules: list[RuleDefinition]) -> None:
    explanation = explain(pk)
    assert explanation.bucket == expected.bucket
    winners = [line.version.rule_id for line in explanation.rules if line.wins]
    assert winners == ([expected.winner.slug] if expected.winner else [])
    by_slug = {rule.slug: rule for rule in rules}
    for line in explanation.rules:
        assert line.matches == evaluate_rule(by_slug[line.version.rule_id], expected.values)


def check_evidence(event: AdvancementEvent, expected: Expected) -> None:
    assert expected.winner
    assert event.to_tier == expected.winner.to_tier
    assert [(c["signal"], c["threshold"], c["met"]) for c in event.criteria_met] == [
        (c.signal, c.threshold, evaluate_criterion(c, expected.values)) for c in expected.winner.criteria
    ]
    for criterion in event.criteria_met:
        period = "all_time" if criterion["signal"] == "daysInTier" else criterion["period"]
        assert criterion["actual"] == pytest.approx(
            expected.values.get((criterion["signal"], period)), abs=1e-12
        )
