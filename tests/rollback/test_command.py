"""`rollback_advancements`, `override_tier` and the commands for holds, as an operator types them."""

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from advancement.models import AdvancementRule, Hold, Run, Sprout
from tests.factories import add_rule, make_sprout
from tests.rollback.cast import advanced, override, rollback, tier
from tests.runs.conftest import manage, plant

pytestmark = pytest.mark.django_db

KEYS = {
    *("run", "status", "dry_run", "evaluated", "reverted", "advanced_since", "overridden_since"),
    *("already_rolled_back", "gone", "tier_gone", "excluded", "skipped", "failed", "unwound", "rules"),
    *("disabled_rules", "digest", "seconds"),
}


def call(capsys: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
    call_command(*arguments, **options, json=True)
    answer = json.loads(capsys.readouterr().out)
    assert isinstance(answer, dict)
    return answer


def test_by_default_it_takes_the_last_24_hours_back(capsys: Any) -> None:
    _, [sprout] = advanced()
    answer = call(capsys, "rollback_advancements", reason="Too early.")
    assert set(answer) == KEYS
    assert (answer["status"], answer["reverted"], answer["rules"]) == ("succeeded", 1, ["a-rule"])
    assert tier(sprout) == "sprout"
    run = Run.objects.get(pk=answer["run"])
    assert (run.created_at - run.scope_since).total_seconds() == pytest.approx(24 * 3600, abs=5)


def test_a_run_has_no_time_range_unless_told(capsys: Any) -> None:
    run, _ = advanced()
    answer = call(capsys, "rollback_advancements", run=run.pk, dry_run=True)
    assert (answer["status"], answer["reverted"]) == ("planned", 1)
    assert Run.objects.get(pk=answer["run"]).scope_since is None


def test_it_tells_what_it_left_alone_and_how_to_take_it_back(capsys: Any) -> None:
    _, sprouts = advanced(2)
    override(sprouts[0], "tree")
    call_command("rollback_advancements", rule="a-rule", reason="Too early.")
    out = capsys.readouterr().out
    run = Run.objects.latest().pk
    assert f"Rollback {run}: 1 of 2 moves by rule a-rule since" in out
    assert "Overridden since" in out
    assert "Advanced since" not in out
    assert "The next run may advance these sprouts again: change or disable a-rule" in out
    assert f"rollback_advancements --undo {run} takes this back." in out


def test_holding_and_disabling_are_said(capsys: Any) -> None:
    advanced()
    call_command("rollback_advancements", "--hold", "7", "--disable-rule", "--reason", "Too early.")
    out = capsys.readouterr().out
    assert "Automation does not move these sprouts until" in out
    assert "Disabled: a-rule." in out
    assert "may advance these sprouts again" not in out
    assert not AdvancementRule.objects.get().active_version.enabled
    assert Hold.objects.count() == 1


def test_it_can_be_undone_by_the_command(capsys: Any) -> None:
    _, [sprout] = advanced()
    back = rollback(rule="a-rule", hold=True)
    answer = call(capsys, "rollback_advancements", undo=back.pk, reason="It was right.")
    assert (answer["undoes"], answer["reverted"]) == (str(back.pk), 1)
    assert tier(sprout) == "sapling"


def test_nothing_found_is_said_and_succeeds(capsys: Any) -> None:
    add_rule("citations >= 3")
    call_command("rollback_advancements", rule="a-rule", reason="Too early.")
    assert capsys.readouterr().out.startswith(
        "Nothing to take back: there is no advancement by rule a-rule since"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "start"),
    [
        ([], 2, "--reason is missing"),
        (["--reason", " "], 2, "--reason is missing"),
        (["--undo", "1", "--rule", "a-rule", "--reason", "x"], 2, "--undo takes a whole rollback back"),
        (["--since", "1h", "--until", "2h", "--reason", "x"], 2, "--since is later than --until"),
        (["--until", "7d", "--reason", "x"], 2, "--until lies before the last 24 hours"),
        (["--rule", "b-rule", "--reason", "x"], 1, 'The rule "b-rule" is unknown'),
        (["--undo", "999999", "--reason", "x"], 1, "There is no run 999999."),
    ],
)
def test_what_cannot_be_is_refused_with_an_exit_code(arguments: list[str], code: int, start: str) -> None:
    add_rule("citations >= 3")
    with pytest.raises(CommandError) as refusal:
        call_command("rollback_advancements", *arguments)
    assert str(refusal.value).startswith(start)
    assert refusal.value.returncode == code
    assert not Run.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_for_real_it_prints_one_object_and_bad_arguments_end_with_2() -> None:
    advanced()
    done = manage("rollback_advancements", "--rule", "a-rule", "--reason", "Too early.", "--json")
    assert (done.code, done.json["reverted"], done.err) == (0, 1, "")
    bad = manage("rollback_advancements", "--since", "yesterday", "--reason", "x")
    assert bad.code == 2
    assert "neither a time nor an age" in bad.err
    refused = manage("rollback_advancements", "--rule", "nope", "--reason", "x", "--json")
    assert refused.code == 1
    assert refused.json["error"].startswith('The rule "nope" is unknown')
    assert set(refused.json) == KEYS | {"error"}
    Sprout.objects.all().delete()


def test_override_and_holds_by_command(capsys: Any) -> None:
    sprout = make_sprout()
    answer = call(capsys, "override_tier", str(sprout.pk), "tree", reason="A landmark.")
    assert (answer["from"], answer["to"], answer["held"], answer["held_until"]) == (
        "sprout", "tree", True, None,
    )  # fmt: skip
    assert call(capsys, "release_holds", str(sprout.pk), reason="Enough.") == {"released": 1}
    assert call(capsys, "hold_sprouts", str(sprout.pk), reason="Wait.")["held"] == 1
    call_command("override_tier", str(sprout.pk), "seed", "--no-hold", "--reason", "No.")
    assert "tree → seed. Earlier holds keep automation away from it" in capsys.readouterr().out
    call_command("release_holds", str(sprout.pk), "--reason", "Enough.")
    call_command("override_tier", str(sprout.pk), "tree", "--no-hold", "--reason", "Yes.")
    assert capsys.readouterr().out.endswith(
        '"notes/a-note.md": seed → tree. The next run may move it again.\n'
    )


@pytest.mark.django_db(transaction=True)
def test_sprouts_to_hold_can_come_from_standard_input() -> None:
    sprouts = plant(3)
    keys = "\n".join(str(sprout.pk) for sprout in sprouts)
    done = manage("hold_sprouts", "-", "--days", "2", "--reason", "Wait.", typed=keys)
    assert done.out.startswith("Holds set: 3. Automation does not move these sprouts until")
