"""What an operator is told and allowed, where a careless answer would mislead."""

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from advancement.criteria.errors import AdvancementError
from advancement.ledger.verify import verify_ledger
from advancement.models import AdvancementRule, Run, Sprout
from advancement.models.runs import RunStatus, RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs.decisions import approve
from advancement.runs.start import RunRequest, start_rollback, start_run
from advancement.runs.work import work_on
from tests.criteria.cast import make_rule
from tests.factories import add_model, add_rules, finished_run, make_sprout, planned_run
from tests.rollback.cast import advanced, buckets, rollback, tier
from tests.runs.conftest import plant

pytestmark = pytest.mark.django_db


def enabled(slug: str = "a-rule") -> bool:
    version = AdvancementRule.objects.get(pk=slug).active_version
    assert version
    return version.enabled


def test_a_rollback_that_may_still_go_on_is_not_undone() -> None:
    advanced()
    request = RollbackRequest(reason="Too early.", requested_by="olga", rule="a-rule")
    unfinished = start_rollback(request, trigger=RunTrigger.COMMAND)
    for status in ("planning", "applying", "failed"):
        Run.objects.filter(pk=unfinished.pk).update(status=status)
        with pytest.raises(AdvancementError, match=f"Rollback {unfinished.pk} is {status} and may go on"):
            rollback(undoes=unfinished.pk)


def test_a_dry_run_is_not_undone() -> None:
    advanced()
    plan = rollback(rule="a-rule", dry_run=True)
    with pytest.raises(AdvancementError, match=f"Run {plan.pk} was a dry run; it changed nothing"):
        rollback(undoes=plan.pk)


def test_nothing_is_disabled_where_nothing_is_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    advanced()
    rollback(rule="a-rule")
    assert rollback(rule="a-rule", disable_rules=True).rules_disabled == []
    assert enabled()


def test_what_was_disabled_before_is_not_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    advanced()
    back = rollback(rule="a-rule", disable_rules=True)
    assert back.rules_disabled == ["a-rule"]
    rollback(undoes=back.pk)
    capsys.readouterr()
    call_command("rollback_advancements", "--rule", "a-rule", "--disable-rule", "--reason", "Again.")
    out = capsys.readouterr().out
    assert "Disabled before: a-rule." in out
    assert "stay disabled" not in out


@pytest.mark.parametrize("times", [1, 2])
def test_what_an_undo_restored_is_still_in_the_scope_of_its_run_and_counts_once(times: int) -> None:
    run, [sprout] = advanced()
    for _ in range(times):
        rollback(undoes=rollback(run=run.pk).pk)
    assert tier(sprout) == "sapling"
    assert buckets(rollback(run=run.pk)) == {"reverted": 1}
    assert tier(sprout) == "sprout"
    assert buckets(rollback(run=run.pk)) == {"already_rolled_back": 1}


def test_an_age_beyond_the_calendar_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match="lies too far back; write at most 36,500d"):
        call_command("rollback_advancements", "--since", "999999d", "--dry-run")


def test_a_selection_that_leaves_nothing_is_refused(settings: Any) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    add_rules(make_rule("citations >= 3"))
    sprouts = plant(2)
    run = finished_run()
    with pytest.raises(AdvancementError, match="Nothing would be left of the plan; discard the run instead"):
        approve(run.pk, by="olga", reason="?", only=[sprouts[0].pk], excluding=[sprouts[0].pk])
    run.refresh_from_db()
    assert (run.status, run.moves.count(), run.left_out.count()) == ("held", 2, 0)


def test_later_moves_that_are_unwound_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    advanced()
    add_rules(make_rule("citations >= 3", slug="later", from_tier="sapling", to_tier="tree"))
    finished_run(from_tiers=("sapling",))
    call_command("rollback_advancements", "--rule", "a-rule", "--unwind", "--reason", "Both.")
    out = capsys.readouterr().out
    assert ": 1 of 1 moves by rule a-rule since" in out
    assert ", and 1 later ones, taken back" in out
    assert "change or disable a-rule and later" in out


def test_a_run_without_moves_does_not_wait_for_another_one() -> None:
    advanced()
    Run.objects.update(status=RunStatus.APPLYING)
    run = start_run(RunRequest(from_tiers=("tree",)), trigger=RunTrigger.COMMAND)
    assert work_on(run.pk, run.lease_token).status == "succeeded"
    assert planned_run(from_tiers=("tree",)).moves_planned == 0


def test_the_ledger_sees_a_sprout_that_was_given_to_another_model() -> None:
    add_model("academic", "sprout", "sapling")
    _, [sprout] = advanced()
    Sprout.objects.filter(pk=sprout.pk).update(lifecycle_model="academic")
    said = "is of the lifecycle model academic, but its newest event, of revision 1, says botanical."
    findings = [finding for check in verify_ledger().checks for finding in check.findings]
    assert findings == [f"The sprout {sprout.pk} {said}"]
    assert make_sprout().lifecycle_model_id == "botanical"


def test_a_hold_does_not_wait_for_a_rule_that_is_archived() -> None:
    _, [sprout] = advanced()
    call_command("archive_rule", "a-rule")
    with pytest.raises(CommandError, match='There is no active rule "a-rule"'):
        call_command("hold_sprouts", str(sprout.pk), "--until-newer-version-of", "a-rule", "--reason", "?")
