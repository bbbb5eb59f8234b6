"""What the rules did day by day, and whether the last night was as usual."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from advancement.database.clock import database_now
from advancement.history import (
    Night,
    counts_by_day,
    mark_expected,
    nights,
    note_ended_days,
    rolled_back_by_day,
)
from advancement.models import AdvancementEvent, AdvancementRule, DailyCount
from advancement.models.runs import RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs.start import start_rollback
from advancement.runs.work import work_on
from tests.factories import add_rule, finished_run, make_sprout

pytestmark = pytest.mark.django_db


def _today() -> date:
    return database_now().astimezone(UTC).date()


def _moved(rule: str, day: date, count: int, hour: int = 2) -> None:
    at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    AdvancementEvent.objects.bulk_create(
        AdvancementEvent(
            sprout_id=uuid4(),
            sprout_title="notes/oak.md",
            lifecycle_model_id="botanical",
            revision=1,
            event_type="auto-advancement",
            from_tier="sprout",
            to_tier="sapling",
            former_tier_updated_at=at,
            rule_id=rule,
            rule_version=1,
            run_id=1,
            timestamp=at,
        )
        for _ in range(count)
    )


def _night(rule: str = "steady") -> Night:
    today = _today()
    return nights([rule], counts_by_day(today), today)[0]


def _usually(count: int, today: int, rule: str = "steady") -> Night:
    AdvancementRule.objects.get_or_create(pk=rule)
    for n in range(1, 30):
        _moved(rule, _today() - timedelta(days=n), count)
    _moved(rule, _today(), today, hour=0)
    return _night(rule)


def test_a_night_far_above_its_median_is_a_spike() -> None:
    night = _usually(3, 60)
    assert (night.count, night.usual, night.times) == (60, 3, 20)
    assert night.spike
    assert not night.slump


def test_a_few_more_than_usual_is_no_spike_however_many_times_it_is() -> None:
    night = _usually(1, 9)
    assert not night.spike
    assert night.above


def test_nothing_where_there_usually_is_much_is_a_slump() -> None:
    assert _usually(12, 0).slump


def test_a_quiet_rule_that_stays_quiet_is_as_usual() -> None:
    night = _usually(2, 2)
    assert not any((night.spike, night.slump, night.above, night.new))


def test_a_new_rule_has_no_usual_night_yet() -> None:
    _moved("fresh", _today(), 400, hour=0)
    assert _night("fresh").new
    assert not _night("fresh").spike


def test_days_are_utc_days_and_each_rule_has_its_own() -> None:
    yesterday = _today() - timedelta(days=1)
    _moved("a", yesterday, 2, hour=0)
    _moved("a", yesterday, 1, hour=23)
    _moved("b", yesterday, 5)
    assert counts_by_day(_today()) == {"a": {yesterday: 3}, "b": {yesterday: 5}}


def test_days_that_have_ended_are_noted_once_and_counted_no_more(
    django_assert_num_queries: pytest.FixtureRequest,
) -> None:
    for n in (1, 2, 40):
        _moved("a", _today() - timedelta(days=n), n)
    before = counts_by_day(_today())
    assert note_ended_days() > 1
    assert note_ended_days() == 0
    assert counts_by_day(_today()) == before
    assert DailyCount.objects.get(day=_today() - timedelta(days=2), rule_id="").count == 2
    _moved("a", _today(), 7, hour=0)
    assert counts_by_day(_today())["a"][_today()] == 7


def test_a_night_that_somebody_found_in_order_is_marked_and_stays_counted() -> None:
    night = _usually(3, 60)
    mark_expected("steady", night.day, by="anna")
    assert _night().expected_by == "anna"
    assert _night().count == 60


def test_what_was_rolled_back_counts_on_its_day_without_what_was_put_back() -> None:
    add_rule()
    for _ in range(3):
        make_sprout(signals={"citations": 5})
    run = finished_run()
    request = RollbackRequest(reason="no", requested_by="otto", run=run.pk)
    back = start_rollback(request, trigger=RunTrigger.COMMAND)
    work_on(back.pk, back.lease_token)
    assert rolled_back_by_day(_today()) == {_today(): 3}
    request = RollbackRequest(reason="yes", requested_by="otto", undoes=back.pk)
    undo = start_rollback(request, trigger=RunTrigger.COMMAND)
    work_on(undo.pk, undo.lease_token)
    assert rolled_back_by_day(_today()) == {}
