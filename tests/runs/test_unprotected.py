"""Without the triggers that protect the audit trail nothing is applied, whenever the plan was made."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from advancement.database.triggers import install_triggers
from advancement.models import AdvancementEvent, Run, Sprout
from advancement.runs.schedule import resume_abandoned
from tests.factories import add_rule, finished_run, planned_run
from tests.runs.conftest import assert_all_moved_once, execute, let_lease_expire, plant

pytestmark = pytest.mark.django_db(transaction=True)


def lose_triggers() -> None:
    if connection.vendor == "sqlite":
        execute("DROP TRIGGER advancement_events_no_update")
    else:
        execute("ALTER TABLE advancement_events DISABLE TRIGGER USER")


def assert_refused(run: Run) -> None:
    """Check that the run failed with the reason, and that it comes to its end once the triggers are back."""
    run.refresh_from_db()
    assert run.status == "failed"
    assert run.error.startswith("The audit trail is not protected: triggers are missing (advancement_events_")
    assert run.retry_at is not None
    assert not AdvancementEvent.objects.exists()
    assert not Sprout.objects.exclude(tier="sprout").exists()
    install_triggers(connection)
    Run.objects.update(retry_at=run.created_at)
    assert [resumed.status for resumed in resume_abandoned()] == ["succeeded"]
    assert_all_moved_once(run, run.moves_planned)


def test_an_approved_run_is_not_applied() -> None:
    add_rule("citations >= 3")
    plant(100)
    run = finished_run()
    assert run.status == "held"
    lose_triggers()
    with pytest.raises(CommandError, match="audit trail is not protected"):
        call_command("decide_run", str(run.pk), "--approve", "--reason", "as announced")
    assert_refused(run)


@pytest.mark.parametrize("status", ["planned", "approved", "applying"])
def test_a_run_that_was_left_lying_with_its_plan_is_not_applied(status: str) -> None:
    add_rule("citations >= 3")
    plant(3)
    run = planned_run()
    Run.objects.filter(pk=run.pk).update(status=status)
    let_lease_expire(run)
    lose_triggers()
    assert [resumed.status for resumed in resume_abandoned()] == ["failed"]
    assert_refused(run)
