"""A rollback of one sprout: its own advancements and nobody else's."""

import uuid
from typing import Any

import pytest

from advancement.criteria.errors import AdvancementError
from advancement.models import AdvancementEvent, Run
from advancement.rollback.last import last_standing
from tests.factories import add_rule, finished_run
from tests.rollback.cast import advanced, buckets, newest_event, override, rollback, tier
from tests.rollback.test_command import call

pytestmark = pytest.mark.django_db


def test_only_this_sprout_goes_back() -> None:
    _, [one, other] = advanced(2)
    run = rollback(sprout=one.pk)
    assert buckets(run) == {"reverted": 1}
    assert (tier(one), tier(other)) == ("sprout", "sapling")


def test_a_run_and_a_sprout_are_one_advancement_of_several() -> None:
    _, [sprout] = advanced(qualityScore=0.9)
    add_rule("qualityScore >= 0.5", slug="onward", from_tier="sapling", to_tier="tree")
    second = finished_run(from_tiers=("sapling",))
    run = rollback(sprout=sprout.pk, run=second.pk)
    assert buckets(run) == {"reverted": 1}
    assert tier(sprout) == "sapling"


def test_what_a_person_set_since_stays() -> None:
    _, [sprout] = advanced()
    override(sprout, "tree")
    assert buckets(rollback(sprout=sprout.pk)) == {"overridden_since": 1}
    assert tier(sprout) == "tree"


def test_it_can_be_undone() -> None:
    _, [sprout] = advanced()
    run = rollback(sprout=sprout.pk)
    rollback(undoes=run.pk)
    assert tier(sprout) == "sapling"


def test_a_sprout_that_is_not_there_is_refused() -> None:
    with pytest.raises(AdvancementError, match="There is no sprout"):
        rollback(sprout=uuid.uuid4())
    assert not Run.objects.exists()


def test_the_command_takes_a_sprout(capsys: Any) -> None:
    _, [one, other] = advanced(2)
    answer = call(capsys, "rollback_advancements", sprout=one.pk, reason="Too early.")
    assert (answer["status"], answer["reverted"]) == ("succeeded", 1)
    assert (tier(one), tier(other)) == ("sprout", "sapling")


def test_what_stands_last_is_an_advancement_an_override_or_what_was_restored() -> None:
    _, [sprout] = advanced()
    assert last_standing(sprout.pk) == (advancement := newest_event(sprout))
    taken_back = rollback(sprout=sprout.pk)
    assert last_standing(sprout.pk) is None
    rollback(undoes=taken_back.pk)
    restored = last_standing(sprout.pk)
    assert restored == newest_event(sprout)
    assert restored != advancement
    override(sprout, "tree")
    assert last_standing(sprout.pk) == AdvancementEvent.objects.get(event_type="manual-override")
