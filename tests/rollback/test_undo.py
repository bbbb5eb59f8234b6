"""Taking a rollback back."""

import pytest

from advancement.models import AdvancementEvent, Hold
from tests.criteria.cast import make_rule
from tests.factories import CREATED, add_rules, finished_run, make_sprout
from tests.rollback.cast import advanced, buckets, newest_event, override, rollback, tier, tiers

pytestmark = pytest.mark.django_db


def test_an_undo_restores_the_advancement_for_its_rule() -> None:
    _, [sprout] = advanced()
    advancement = newest_event(sprout)
    back = rollback(rule="a-rule")
    assert buckets(rollback(undoes=back.pk)) == {"reverted": 1}
    event = newest_event(sprout)
    assert tier(sprout) == "sapling"
    assert sprout.tier_updated_at == advancement.timestamp
    assert (event.event_type, event.rule_id, event.rule_version) == ("bulk-rollback", "a-rule", 1)
    assert event.reverses.run_id == back.pk


def test_rollback_undo_and_rollback_again() -> None:
    _, [sprout] = advanced()
    for _ in range(3):
        back = rollback(rule="a-rule")
        assert buckets(back)["reverted"] == 1
        assert tier(sprout) == "sprout"
        assert sprout.tier_updated_at == CREATED
        assert buckets(rollback(undoes=back.pk)) == {"reverted": 1}
        assert tier(sprout) == "sapling"
    assert AdvancementEvent.objects.count() == 7


def test_an_undo_can_be_undone() -> None:
    _, [sprout] = advanced()
    undo = rollback(undoes=rollback(rule="a-rule").pk)
    assert buckets(rollback(undoes=undo.pk)) == {"reverted": 1}
    assert tier(sprout) == "sprout"
    assert newest_event(sprout).rule_id is None


def test_an_undo_releases_the_holds_that_the_rollback_set_and_no_others() -> None:
    _, sprouts = advanced(2)
    other = Hold.objects.create(sprout=sprouts[0], reason="Wait.", set_at=CREATED, set_by="olga")
    back = rollback(rule="a-rule", hold=True)
    sprouts[0].refresh_from_db()
    assert sprouts[0].revision == 3
    rollback(undoes=back.pk, reason="It was right.")
    other.refresh_from_db()
    assert other.released_at is None
    released = Hold.objects.filter(set_by_run_id=back.pk)
    assert {(hold.released_by, hold.release_reason) for hold in released} == {("olga", "It was right.")}
    sprouts[0].refresh_from_db()
    assert sprouts[0].revision == 5


def test_an_undo_does_not_touch_what_has_moved_since() -> None:
    _, sprouts = advanced(3)
    back = rollback(rule="a-rule", hold=True)
    override(sprouts[0], "tree")
    Hold.objects.filter(sprout=sprouts[1]).update(released_at=CREATED, released_by="olga")
    finished_run()
    assert buckets(rollback(undoes=back.pk)) == {"reverted": 1, "overridden_since": 1, "advanced_since": 1}
    assert tiers() == {"tree": 1, "sapling": 2}


def test_a_rollback_is_undone_once() -> None:
    advanced()
    back = rollback(rule="a-rule")
    rollback(undoes=back.pk)
    assert buckets(rollback(undoes=back.pk)) == {"already_rolled_back": 1}


def test_several_steps_come_back_in_their_order() -> None:
    add_rules(
        make_rule("citations >= 3", slug="one"),
        make_rule("citations >= 3", slug="two", from_tier="sapling", to_tier="tree"),
    )
    sprout = make_sprout(signals={"citations": 3})
    finished_run()
    finished_run(from_tiers=("sapling",))
    since = sprout.tier_updated_at
    back = rollback(since=CREATED, hold=True)
    assert buckets(rollback(undoes=back.pk)) == {"reverted": 2}
    assert tier(sprout) == "tree"
    assert sprout.tier_updated_at != since
    assert [e.rule_id for e in AdvancementEvent.objects.order_by("id")][-2:] == ["one", "two"]
    assert buckets(rollback(rule="two"))["reverted"] == 1
    assert tier(sprout) == "sapling"
