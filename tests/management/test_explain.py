"""manage.py explain: why a sprout would advance or why not, for people and for programs."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from advancement.holds import set_hold
from advancement.models import SignalRefresh, Sprout, Tier
from tests.criteria.cast import make_rule
from tests.factories import add_model, add_rule, add_rules, make_sprout

pytestmark = pytest.mark.django_db


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    def explain(sprout: Sprout) -> str:
        call_command("explain", str(sprout.pk))
        return capsys.readouterr().out

    return explain


def test_it_shows_every_rule_of_the_tier_criterion_by_criterion(said: Any) -> None:
    add_rules(
        make_rule("citations >= 5", "views < 3", slug="strict", title="Strict"),
        make_rule("citations >= 3", "exports > 0", slug="soft", title="Soft", logic="OR", priority=200),
    )
    sprout = make_sprout(title="notes/oak.md", signals={"citations": 2, "views": 9, "exports": None})
    assert said(sprout).splitlines() == [
        "notes/oak.md stays sprout: it meets no rule of its tier.",
        "to sapling by “Strict” (strict, version 1); all of these are needed:",
        "  ✗ citations ≥ 5: 2, short by 3",
        "  ✗ views < 3: 9, over by 7",
        "to sapling by “Soft” (soft, version 1); any of these suffices:",
        "  ✗ citations ≥ 3: 2, short by 1",
        "  ✗ exports > 0: unknown",
    ]


def test_it_names_the_rule_that_would_win_and_the_one_behind_it(said: Any) -> None:
    add_rules(make_rule("citations >= 1", slug="first"), make_rule("views >= 0", slug="second", priority=200))
    lines = said(make_sprout(title="elm", signals={"citations": 1})).splitlines()
    assert lines[0] == "elm would advance from sprout to sapling, by first."
    assert lines[-1] == "  met, and does not decide: an earlier rule or a hold does"


def test_it_says_which_hold_stands_against_it(said: Any) -> None:
    version = add_rule("citations >= 1")
    sprout = make_sprout(title="elm", signals={"citations": 1})
    set_hold(sprout.pk, reason="in review", by="olga", until=datetime(9000, 1, 1, tzinfo=UTC))
    set_hold(sprout.pk, reason="too early", by="olga", until_newer_than=version)
    lines = said(sprout).splitlines()
    assert lines[:3] == [
        "elm stays sprout: it is on hold.",
        "On hold until 9000-01-01 00:00 UTC, set by olga: in review",
        "On hold until rule a-rule has a newer version than 1, set by olga: too early",
    ]


def test_it_says_what_the_signal_gate_stops(said: Any) -> None:
    add_rule("citations >= 1")
    sprout = make_sprout(title="elm", signals={"citations": 1})
    SignalRefresh.objects.all().delete()
    lines = said(sprout).splitlines()
    assert lines[0] == "elm stays sprout: it meets only rules that the signal gate stopped."
    assert lines[-1].startswith("  stopped by the signal gate: No refresh of the all_time signals")


def test_it_says_when_there_is_nothing_to_judge_by(said: Any) -> None:
    assert "stays tree: no enabled rule is about its tier." in said(make_sprout("tree", signals={}))
    assert "stays sprout: it has no signals yet." in said(make_sprout())
    assert "stays shrub: its lifecycle model botanical has no such tier." in said(make_sprout("shrub"))


def test_it_says_when_the_daily_run_does_not_look_at_the_tier(said: Any) -> None:
    sentence = "The daily run does not look at this tier: ADVANCEMENT_FROM_TIERS names sprout."
    assert sentence in said(make_sprout("seed", signals={}))
    assert sentence not in said(make_sprout("sprout", signals={}))


def test_it_names_the_rules_that_runs_leave_out(said: Any) -> None:
    add_model("academic", "draft", "preprint")
    add_rule("citations >= 1", lifecycle_model="academic", from_tier="draft", to_tier="preprint")
    Tier.objects.filter(slug="preprint").delete()
    sprout = make_sprout("draft", lifecycle_model_id="academic", signals={})
    assert "rule a-rule is left out of runs: " in said(sprout)


def test_titles_cannot_write_to_the_terminal(said: Any) -> None:
    assert "\x1b" not in said(make_sprout(title="\x1b[2Jgone", signals={}))


def test_as_json_it_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    add_rule("citations >= 3")
    sprout = make_sprout(title="elm", signals={"citations": 1})
    set_hold(sprout.pk, reason="in review", by="olga")
    call_command("explain", str(sprout.pk), "--json")
    found = json.loads(capsys.readouterr().out)
    (hold,) = found.pop("holds")
    assert (hold["reason"], hold["until"], hold["set_by"]) == ("in review", None, "olga")
    (rule,) = found.pop("rules")
    assert rule.pop("criteria") == [
        {
            "signal": "citations",
            "operator": ">=",
            "threshold": 3.0,
            "period": "all_time",
            "actual": 1,
            "met": False,
            "gap": 2.0,
        }
    ]
    assert (rule["rule"], rule["version"], rule["to"]) == ("a-rule", 1, "sapling")
    assert (rule["matches"], rule["wins"], rule["stopped"]) == (False, False, "")
    assert found == {
        "sprout": str(sprout.pk),
        "title": "elm",
        "lifecycle_model": "botanical",
        "tier": "sprout",
        "bucket": "held",
        "in_daily_run": True,
        "invalid_rules": [],
    }


def test_a_sprout_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="There is no sprout 00000000-0000-0000-0000-000000000007"):
        call_command("explain", str(uuid.UUID(int=7)))
