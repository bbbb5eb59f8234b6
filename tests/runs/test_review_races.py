"""Two people at one plan at the same moment, on connections of their own."""

from threading import Barrier
from typing import Any

import pytest

from advancement.criteria.errors import AdvancementError
from advancement.models import Move, Sprout
from advancement.runs.decisions import confirm_rollback
from advancement.runs.review import set_struck
from advancement.runs.schedule import work_off
from tests.rollback.cast import advanced, buckets, override, rollback, tier
from tests.runs.conftest import (
    Beside,
    assert_ledger_holds,
    needs_postgresql,
    open_transaction,
    somebody_waits_for_a_lock,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True)


def told(action: Any) -> str:
    """Return what whoever does it is told; nothing when it was done."""
    try:
        action()
    except AdvancementError as error:
        return str(error)
    return ""


def test_of_those_who_confirm_at_once_one_does(beside: Beside) -> None:
    advanced(3)
    plan = rollback(rule="a-rule", dry_run=True)
    people, together = ("olga", "pia", "rob"), Barrier(3)

    def confirm(by: str) -> str:
        together.wait(30)
        return told(lambda: confirm_rollback(plan.pk, digest=plan.digest, by=by, reason=f"{by} says so."))

    futures = [beside(lambda by=by: confirm(by)) for by in people]  # type: ignore[misc]
    answers = [future.result(60) for future in futures]
    [winner] = [by for by, answer in zip(people, answers, strict=True) if not answer]
    assert sum("was decided about already: it is approved" in answer for answer in answers) == 2
    [run] = work_off()
    assert (run.decided_by, run.reason, buckets(run)) == (winner, f"{winner} says so.", {"reverted": 3})
    assert_ledger_holds()


@pytest.mark.parametrize("round_", range(4))
def test_who_strikes_out_while_another_confirms_is_either_heeded_or_told(beside: Beside, round_: int) -> None:
    _, sprouts = advanced(2)
    plan = rollback(rule="a-rule", dry_run=True)
    together = Barrier(2)

    def strike() -> str:
        together.wait(30)
        return told(lambda: set_struck(plan.pk, Move.objects.filter(sprout__in=[sprouts[0].pk]), struck=True))

    def confirm() -> str:
        together.wait(30)
        return told(lambda: confirm_rollback(plan.pk, digest=plan.digest, by="olga", reason="Now."))

    striking, confirming = beside(strike), beside(confirm)
    struck, confirmed = striking.result(60), confirming.result(60)
    assert (struck == "") != (confirmed == "")
    plan.refresh_from_db()
    if confirmed:
        assert confirmed.startswith("Somebody struck moves out of this plan")
        assert (plan.status, buckets(plan)) == ("planned", {"reverted": 1, "excluded": 1})
    else:
        assert "was decided about already" in struck
        assert buckets(work_off()[0]) == {"reverted": 2}
    assert_ledger_holds()


@needs_postgresql
def test_an_override_beside_a_confirmed_rollback_stays(beside: Beside) -> None:
    _, sprouts = advanced(3)
    plan = rollback(rule="a-rule", dry_run=True)
    confirm_rollback(plan.pk, digest=plan.digest, by="olga", reason="Too early.")
    with open_transaction():
        Sprout.objects.select_for_update().get(pk=sprouts[1].pk)
        applying = beside(work_off)
        wait_until(somebody_waits_for_a_lock)
        override(sprouts[1], "tree")
    [run] = applying.result(60)
    assert buckets(run) == {"reverted": 2, "skipped": 1}
    assert [tier(sprout) for sprout in sprouts] == ["sprout", "tree", "sprout"]
    assert_ledger_holds()
