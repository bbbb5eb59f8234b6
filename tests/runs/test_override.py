"""A person sets a tier: one move, one event, and by default a hold."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from advancement.criteria.errors import AdvancementError
from advancement.models import AdvancementEvent, Hold, Move, Run, Sprout
from advancement.models.runs import RunTrigger
from advancement.runs.override import override_tier
from tests.factories import CREATED, add_model, add_rule, finished_run, make_sprout
from tests.runs.conftest import (
    Beside,
    execute,
    needs_postgresql,
    open_transaction,
    somebody_waits_for_a_lock,
    wait_until,
)

pytestmark = pytest.mark.django_db


def override(sprout: Sprout, tier: str = "tree", **options: Any) -> Run:
    options = {"reason": "A landmark.", "by": "olga"} | options
    return override_tier(sprout.pk, tier, trigger=RunTrigger.CONSOLE, **options)


def test_it_moves_the_sprout_and_says_who_and_why() -> None:
    sprout = make_sprout(signals={"citations": 1})
    run = override(sprout)
    event = AdvancementEvent.objects.get()
    sprout.refresh_from_db()
    assert (sprout.tier, sprout.tier_updated_at) == ("tree", event.timestamp)
    assert (event.event_type, event.from_tier, event.to_tier) == ("manual-override", "sprout", "tree")
    assert (event.operator_id, event.reason, event.run_id) == ("olga", "A landmark.", run.pk)
    assert (event.rule_id, event.rule_version, event.reverses_id) == (None, None, None)
    assert event.signal_values["all_time"]["citations"] == 1
    assert event.former_tier_updated_at == CREATED
    assert (run.kind, run.trigger, run.status, run.advanced) == ("override", "console", "succeeded", 1)


def test_a_sprout_can_be_moved_down_and_more_than_one_step() -> None:
    sprout = make_sprout("grove")
    override(sprout, "seed")
    sprout.refresh_from_db()
    assert sprout.tier == "seed"


def test_by_default_automation_leaves_the_sprout_alone_until_the_hold_is_released() -> None:
    add_rule("citations >= 3")
    sprout = make_sprout("sapling", signals={"citations": 3})
    run = override(sprout, "sprout")
    hold = Hold.objects.get()
    assert (hold.until, hold.reason, hold.set_by, hold.set_by_run_id) == (None, "A landmark.", "olga", run.pk)
    sprout.refresh_from_db()
    assert sprout.revision == 2
    assert finished_run().held == 1


def test_a_hold_may_end_by_itself_or_be_left_out() -> None:
    add_rule("citations >= 3")
    one, two = make_sprout(), make_sprout("sapling", signals={"citations": 3})
    until = datetime.now(UTC) + timedelta(days=3)
    override(one, hold_until=until)
    assert abs(Hold.objects.get().until - until) < timedelta(milliseconds=1)
    override(two, "sprout", hold=False)
    assert Hold.objects.count() == 1
    assert finished_run().advanced == 1


@pytest.mark.parametrize(
    ("tier", "options", "sentence"),
    [
        ("tree", {"reason": " "}, "An override needs a reason; say why this sprout is to change its tier."),
        ("sprout", {}, '"notes/a-note.md" is in the tier "sprout" already.'),
        ("oak", {}, 'The lifecycle model "botanical" has no tier "oak"; use "seed", "sprout",'),
        ("draft", {}, 'The lifecycle model "botanical" has no tier "draft"'),
        ("tree", {"hold_until": CREATED}, "The hold would end at 2025-12-01 00:00 UTC, which has passed."),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(tier: str, options: Any, sentence: str) -> None:
    add_model("academic", "draft", "preprint")
    sprout = make_sprout()
    with pytest.raises(AdvancementError) as refusal:
        override(sprout, tier, **options)
    assert str(refusal.value).startswith(sentence)
    sprout.refresh_from_db()
    assert (sprout.tier, sprout.revision) == ("sprout", 0)
    for model in (Run, Move, AdvancementEvent, Hold):
        assert not model.objects.exists()


def test_a_sprout_that_moved_since_somebody_saw_it_is_not_moved_down_unasked() -> None:
    sprout = make_sprout()
    override(sprout, "tree", seen_in="sprout")
    with pytest.raises(AdvancementError, match='moved to the tier "tree" meanwhile; look again'):
        override(sprout, "sapling", seen_in="sprout")
    sprout.refresh_from_db()
    assert (sprout.tier, Run.objects.count()) == ("tree", 1)


def test_an_unknown_sprout_is_refused() -> None:
    unknown = uuid4()
    with pytest.raises(AdvancementError, match=f"There is no sprout {unknown}."):
        override_tier(unknown, "tree", reason="Why not.", by="olga", trigger=RunTrigger.CONSOLE)


@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_who_is_overtaken_by_a_change_is_told_and_changes_nothing(beside: Beside) -> None:
    sprout = make_sprout()
    with open_transaction():
        execute("UPDATE sprouts SET revision = revision + 1 WHERE id = %s", sprout.pk)
        overriding = beside(lambda: override(sprout))
        wait_until(somebody_waits_for_a_lock)
    with pytest.raises(AdvancementError, match="changed at this very moment"):
        overriding.result()
    sprout.refresh_from_db()
    assert (sprout.tier, sprout.revision) == ("sprout", 1)
    assert not Run.objects.exists()


@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_both_move_the_sprout_or_one_is_told(beside: Beside) -> None:
    sprout = make_sprout()
    both = [beside(lambda tier=tier: override(sprout, tier)) for tier in ("tree", "grove")]
    errors = [error for error in (work.exception() for work in both) if error]
    assert all(isinstance(error, AdvancementError) for error in errors)
    sprout.refresh_from_db()
    assert AdvancementEvent.objects.count() == 2 - len(errors) == Run.objects.count()
    assert sprout.tier == AdvancementEvent.objects.latest("revision").to_tier
