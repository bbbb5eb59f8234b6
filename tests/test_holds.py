"""Holds: set, in force, released, each on the record and each a new revision of the sprout."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from advancement.criteria.errors import AdvancementError
from advancement.database.clock import database_now
from advancement.holds import release_hold, release_holds, set_hold, set_holds
from advancement.models import Hold, LeftOut, Sprout
from tests.factories import CREATED, add_rule, finished_run, make_sprout

pytestmark = pytest.mark.django_db


def revision(sprout: Sprout) -> int:
    sprout.refresh_from_db()
    return sprout.revision


def test_evaluation_counts_the_held_and_names_them() -> None:
    add_rule("citations >= 3")
    sprout = make_sprout(signals={"citations": 3})
    set_hold(sprout.pk, reason="Under review.", by="olga")
    run = finished_run()
    assert (run.held, run.advanced) == (1, 0)
    left_out = LeftOut.objects.get()
    assert (left_out.sprout_id, left_out.bucket, left_out.reason) == (
        sprout.pk, "held", "On hold: Under review.",
    )  # fmt: skip


def test_a_hold_ends_with_its_date_a_newer_version_or_its_release() -> None:
    version = add_rule("citations >= 3")
    sprouts = [make_sprout(signals={"citations": 3}) for _ in range(3)]
    dated = set_hold(sprouts[0].pk, reason="Wait.", by="olga", until=datetime.now(UTC) + timedelta(hours=1))
    set_hold(sprouts[1].pk, reason="Wait.", by="olga", until_newer_than=version)
    released = set_hold(sprouts[2].pk, reason="Wait.", by="olga")
    assert finished_run().held == 3
    Hold.objects.filter(pk=dated.pk).update(until=CREATED)
    assert finished_run().held == 2
    add_rule("citations >= 2")
    assert finished_run().held == 1
    release_hold(released, by="olga")
    assert finished_run().held == 0


def test_many_are_held_and_released_at_once_each_with_a_revision_of_its_own() -> None:
    sprouts = [make_sprout() for _ in range(5)]
    keys = [sprout.pk for sprout in sprouts]
    assert len(set_holds([*keys, keys[0]], reason=" Wait. ", by="olga")) == 5
    set_holds(keys[:2], reason="Twice.", by="petra")
    assert [revision(sprout) for sprout in sprouts] == [2, 2, 1, 1, 1]
    assert release_holds(keys[:4], reason="Done.", by="petra") == 6
    assert [revision(sprout) for sprout in sprouts] == [4, 4, 2, 2, 1]
    gone = Hold.objects.filter(released_at__isnull=False)
    assert set(gone.values_list("released_by", "release_reason")) == {("petra", "Done.")}
    assert release_holds(keys[:4], reason="Again.", by="petra") == 0
    assert revision(sprouts[0]) == 4


def test_a_hold_that_has_ended_by_itself_is_not_released() -> None:
    sprout = make_sprout()
    hold = set_hold(sprout.pk, reason="Wait.", by="olga", until=datetime.now(UTC) + timedelta(hours=1))
    Hold.objects.filter(pk=hold.pk).update(until=CREATED)
    assert release_holds([sprout.pk], reason="Done.", by="olga") == 0


def test_all_or_none_are_held() -> None:
    sprout, unknown = make_sprout(), uuid4()
    for act in (set_holds, release_holds):
        with pytest.raises(AdvancementError, match=f"There is no sprout {unknown}."):
            act([sprout.pk, unknown], reason="Wait.", by="olga")
    assert (revision(sprout), Hold.objects.count()) == (0, 0)


def test_a_hold_and_a_release_need_a_reason_and_a_date_to_come() -> None:
    sprout = make_sprout()
    with pytest.raises(AdvancementError, match="A hold needs a reason"):
        set_hold(sprout.pk, reason=" ", by="olga")
    with pytest.raises(AdvancementError, match="A release needs a reason"):
        release_holds([sprout.pk], reason="", by="olga")
    with pytest.raises(AdvancementError, match="2025-12-01 00:00 UTC, which has passed"):
        set_hold(sprout.pk, reason="Wait.", by="olga", until=CREATED)


def test_a_released_hold_is_not_released_again() -> None:
    hold = set_hold(make_sprout().pk, reason="Wait.", by="olga")
    release_hold(hold, by="olga")
    with pytest.raises(AdvancementError, match="This hold was already released"):
        release_hold(hold, by="olga")


def test_a_hold_that_came_to_its_end_by_itself_is_not_released() -> None:
    sprout = make_sprout()
    hold = set_hold(sprout.pk, reason="Wait.", by="olga", until=database_now() + timedelta(hours=1))
    Hold.objects.update(until=database_now() - timedelta(hours=1))
    before = revision(sprout)
    with pytest.raises(AdvancementError, match="has come to its end"):
        release_hold(hold, by="olga")
    assert revision(sprout) == before


def test_the_number_of_queries_does_not_depend_on_the_number_of_sprouts() -> None:
    counts = []
    for number in (10, 60):  # below the rows that SQLite takes in one statement
        keys = [make_sprout().pk for _ in range(number)]
        with CaptureQueriesContext(connection) as queries:
            set_holds(keys, reason="Wait.", by="olga")
            release_holds(keys, reason="Done.", by="olga")
        counts.append(len(queries))
    assert counts[0] == counts[1]
