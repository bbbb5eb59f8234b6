"""What a person does by command: archive a rule, decide about a part of a run, always with a reason."""

import json
import uuid
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from advancement.models import AdvancementEvent, AdvancementRule, LeftOut, Run, Sprout
from tests.factories import add_rule, finished_run, make_sprout
from tests.runs.conftest import manage

pytestmark = pytest.mark.django_db

A_SPROUT = str(uuid.UUID(int=7))


@pytest.fixture
def held(settings: Any) -> tuple[Run, list[Sprout]]:
    """A run of four moves that a guardrail holds."""
    settings.ADVANCEMENT_MAX_MOVES = 3
    add_rule("citations >= 3")
    sprouts = [make_sprout(signals={"citations": 3}) for _ in range(4)]
    return finished_run(), sprouts


def decide(run: Run, *arguments: str) -> None:
    call_command("decide_run", str(run.pk), "--reason", "as announced", *arguments)


def moved() -> set[uuid.UUID]:
    return set(AdvancementEvent.objects.values_list("sprout_id", flat=True))


def test_only_some_of_a_held_run_can_be_approved(held: tuple[Run, list[Sprout]]) -> None:
    run, sprouts = held
    decide(run, "--approve", "--only", str(sprouts[0].pk), "--only", str(sprouts[1].pk))
    assert moved() == {sprouts[0].pk, sprouts[1].pk}
    assert set(LeftOut.objects.filter(run=run).values_list("sprout_id", flat=True)) == {
        sprouts[2].pk,
        sprouts[3].pk,
    }


def test_all_but_some_of_a_held_run_can_be_approved(
    held: tuple[Run, list[Sprout]], capsys: pytest.CaptureFixture[str]
) -> None:
    run, sprouts = held
    decide(run, "--approve", "--except", str(sprouts[0].pk), "--json")
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["status"], outcome["advanced"], outcome["skipped"]) == ("succeeded", 3, 1)
    assert moved() == {sprout.pk for sprout in sprouts[1:]}


def test_a_sprout_that_the_plan_does_not_move_is_refused(held: tuple[Run, list[Sprout]]) -> None:
    with pytest.raises(CommandError, match=f"The plan does not move the sprout {A_SPROUT}"):
        decide(held[0], "--approve", "--only", A_SPROUT)
    assert Run.objects.get().status == "held"


def test_a_run_is_discarded_as_a_whole(held: tuple[Run, list[Sprout]]) -> None:
    with pytest.raises(CommandError, match="leave them out with --discard") as refusal:
        decide(held[0], "--discard", "--only", str(held[1][0].pk))
    assert refusal.value.returncode == 2
    assert Run.objects.get().status == "held"


def test_an_archived_rule_moves_nobody_and_its_history_stays(capsys: pytest.CaptureFixture[str]) -> None:
    version = add_rule("citations >= 3")
    make_sprout(signals={"citations": 3})
    finished_run()
    make_sprout(signals={"citations": 3})
    call_command("archive_rule", "a-rule")
    said = capsys.readouterr().out
    assert said.startswith('The rule "a-rule" is archived: no run uses it any more. Its history stays')
    assert finished_run().advanced == 0
    assert AdvancementEvent.objects.get().rule_id == version.rule_id
    call_command("archive_rule", "a-rule")
    assert "was archived before; nothing changed." in capsys.readouterr().out


def test_archiving_as_json_says_whether_something_was_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    add_rule("citations >= 3")
    for archived in (True, False):
        call_command("archive_rule", "a-rule", "--json")
        assert json.loads(capsys.readouterr().out) == {"rule": "a-rule", "archived": archived}


def test_a_rule_that_is_not_there_is_named() -> None:
    add_rule("citations >= 3")
    with pytest.raises(CommandError, match='There is no rule "b-rule"; use "a-rule"'):
        call_command("archive_rule", "b-rule")
    assert not AdvancementRule.objects.filter(archived_at__isnull=False).exists()


@pytest.mark.parametrize(
    "command",
    [
        ("decide_run", "1", "--approve"),
        ("override_tier", A_SPROUT, "sapling"),
        ("hold_sprouts", A_SPROUT),
        ("release_holds", A_SPROUT),
        ("rollback_advancements",),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("reason", [" ", "\u200b"])
def test_a_reason_that_shows_nothing_is_wrong_usage(command: tuple[str, ...], reason: str) -> None:
    ended = manage(*command, "--reason", reason)
    assert (ended.code, ended.out) == (2, "")
    assert "say why" in ended.err
