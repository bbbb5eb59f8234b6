"""What a plan would move can be looked at before anybody decides."""

import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from advancement.holds import set_hold
from tests.factories import add_rule, make_sprout, planned_run

pytestmark = pytest.mark.django_db


def test_it_lists_the_moves_and_the_left_outs(capsys: pytest.CaptureFixture[str]) -> None:
    add_rule("citations >= 3")
    make_sprout(title="notes/[oak].md", signals={"citations": 3})
    set_hold(
        make_sprout(title="notes/elm.md", signals={"citations": 3}).pk, reason="in review", by="operator"
    )
    call_command("show_plan", str(planned_run().pk))
    shown = capsys.readouterr().out
    assert "Its plan moves 1 sprouts" in shown
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
    assert found["moves"][0]["rule"] == "a-rule"


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
