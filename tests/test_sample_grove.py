"""The sample grove gives exactly the expected figures, through the commands that people use."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Sum

from advancement.criteria.rule_json import rules_from_json
from advancement.models import AdvancementEvent, Move, SignalAggregation, Sprout, UsageEvent

pytestmark = pytest.mark.django_db

SAMPLE = Path(__file__).parents[1] / "advancement" / "sample_grove"
EXPECTED = json.loads((Path(__file__).parent / "data" / "expected.json").read_text())
RUNS = [(case, run) for case in EXPECTED["cases"] for run in case["runs"]]


def plant(as_of: str) -> None:
    for what, file in (
        ("import_sprouts", "sprouts.csv"),
        ("import_events", "usage_events.jsonl.gz"),
        ("import_rules", "rules.json"),
    ):
        call_command(what, str(SAMPLE / file))
    call_command("aggregate_signals", "--as-of", as_of)


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    call_command("run_advancement", "--json", *arguments)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("case", EXPECTED["cases"], ids=lambda case: case["as_of"])
def test_the_sums_of_the_signals_are_as_expected(case: dict[str, Any]) -> None:
    plant(case["as_of"])
    assert Sprout.objects.count() == EXPECTED["sprouts"]
    assert UsageEvent.objects.count() == EXPECTED["usage_events"]
    assert SignalAggregation.objects.count() == case["aggregation_rows"]
    for period, sums in case["sums"].items():
        rows = SignalAggregation.objects.filter(period=period)
        assert rows.aggregate(**{name: Sum(name) for name in sums}) == sums


@pytest.mark.parametrize(("case", "expected"), RUNS)
def test_a_dry_run_and_the_run_have_the_expected_figures(
    case: dict[str, Any], expected: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    plant(case["as_of"])
    tiers = [f"--from-tier={tier}" for tier in expected["from_tiers"]]
    for arguments, status in ((["--dry-run"], "planned"), ([], "succeeded")):
        outcome = run_json(capsys, *tiers, *arguments)
        assert outcome["status"] == status
        for bucket in ("evaluated", "advanced", "no_match", "no_signals"):
            assert outcome[bucket] == expected[bucket], bucket
        assert {line["rule"]: line["count"] for line in outcome["by_rule"]} == expected["by_rule"]
    assert AdvancementEvent.objects.count() == expected["advanced"]
    moved = {e.sprout_id: e.to_tier for e in AdvancementEvent.objects.all()}
    assert {s.pk: s.tier for s in Sprout.objects.filter(pk__in=moved)} == moved


def test_exported_rules_import_as_they_are(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    call_command("import_rules", str(SAMPLE / "rules.json"))
    capsys.readouterr()
    call_command("export_rules")
    exported = capsys.readouterr().out
    original = rules_from_json((SAMPLE / "rules.json").read_text())
    assert rules_from_json(exported) == sorted(original, key=lambda rule: rule.order)
    (tmp_path / "rules.json").write_text(exported)
    call_command("import_rules", str(tmp_path / "rules.json"))
    assert "6 rules read: 0 new, 0 changed, 6 unchanged." in capsys.readouterr().out


def test_a_second_run_finds_nobody_left(capsys: pytest.CaptureFixture[str]) -> None:
    plant("2026-03-06T00:00:00Z")
    run_json(capsys)
    again = run_json(capsys)
    assert (again["advanced"], again["evaluated"]) == (0, 730)
    assert Move.objects.count() == 204
