"""What a plan would move can be looked at before anybody decides."""

import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from advancement.holds import set_hold
from advancement.runs.decisions import discard
from tests.factories import add_rule, finished_run, make_sprout, planned_run

pytestmark = pytest.mark.django_db


def test_it_lists_the_moves_and_the_left_outs(capsys: pytest.CaptureFixture[str]) -> None:
    add_rule("citations >= 3")
    make_sprout(title="notes/[oak].md", signals={"citations": 3})
    set_hold(
        make_sprout(title="notes/elm.md", signals={"citations": 3}).pk, reason="in review", by="operator"
    )
    call_command("show_plan", str(planned_run().pk))
    shown = capsys.readouterr().out
    assert "is planned. Its plan would make 1 move." in shown
    assert "notes/[oak].md" in shown
    assert "On hold: in review" in shown


def test_as_json_it_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    add_rule("citations >= 3")
    sprouts = [make_sprout(signals={"citations": 3}) for _ in range(3)]
    run = planned_run()
    call_command("show_plan", str(run.pk), "--limit", "2", "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["run"], found["status"], len(found["moves"])) == (str(run.pk), "planned", 2)
    assert {move["sprout"] for move in found["moves"]} <= {str(sprout.pk) for sprout in sprouts}
    assert (found["moves"][0]["rule"], found["moves"][0]["version"]) == ("a-rule", 1)


def test_the_json_says_how_much_it_does_not_list(capsys: pytest.CaptureFixture[str]) -> None:
    add_rule("citations >= 3")
    for _ in range(3):
        make_sprout(signals={"citations": 3})
        set_hold(make_sprout(signals={"citations": 3}).pk, reason="in review", by="operator")
    call_command("show_plan", str(planned_run().pk), "--limit", "2", "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["moves_total"], len(found["moves"])) == (3, 2)
    assert (found["left_out_total"], len(found["left_out"])) == (3, 2)
    assert found["held_because"] == []


def test_a_finished_run_says_what_was_made_of_its_plan(capsys: pytest.CaptureFixture[str]) -> None:
    add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    run = finished_run()
    call_command("show_plan", str(run.pk))
    assert f"Run {run.pk} has succeeded: 1 of the 1 moves of its plan were made." in capsys.readouterr().out


def test_a_discarded_run_says_who_decided_and_why(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    add_rule("citations >= 3")
    for _ in range(2):
        make_sprout(signals={"citations": 3})
    run = finished_run()
    discard(run.pk, by="olga", reason="The threshold is a typo.")
    call_command("show_plan", str(run.pk))
    shown = capsys.readouterr().out
    assert f"Run {run.pk} was discarded. Its plan would have made 2 moves." in shown
    assert "It would move 2 sprouts, more than the 1 that ADVANCEMENT_MAX_MOVES allows." in shown
    assert "Discarded by olga at " in shown
    assert " UTC: The threshold is a typo." in shown
    call_command("show_plan", str(run.pk), "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["decided_by"], found["decision_reason"]) == ("olga", "The threshold is a typo.")


def test_a_run_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="There is no run 4711"):
        call_command("show_plan", "4711")


@pytest.mark.parametrize("title", [r"x\[/b]", "[/]", "x\\", ":warning: [link=x]", "[bold"])
def test_whatever_a_title_looks_like_is_shown_as_it_is(
    title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    add_rule("citations >= 3")
    make_sprout(title=title, signals={"citations": 3})
    call_command("show_plan", str(planned_run().pk))
    assert title in capsys.readouterr().out


@pytest.mark.parametrize("limit", ["0", "1000001", "99999999999999999999"])
def test_an_absurd_limit_is_wrong_usage(limit: str) -> None:
    with pytest.raises(CommandError, match="from 1 to 1,000,000") as refusal:
        call_command("show_plan", str(planned_run().pk), "--limit", limit)
    assert refusal.value.returncode == 2
