"""Which UTC date is due."""

from datetime import UTC, date, datetime

import pytest
from pytest_django import Settings

from advancement.models import Run, Schedule
from advancement.runs import schedule
from advancement.runs.schedule import due_date, latest_slot, next_slot, something_to_do, work_off
from advancement.runs.start import RunRequest, claim_date

pytestmark = pytest.mark.django_db


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Settings):
    """Set the clock that the schedule goes by; the cron is `0 2 * * *` unless told."""
    settings.ADVANCEMENT_CRON = "0 2 * * *"

    def set_to(text: str, cron: str = "") -> None:
        settings.ADVANCEMENT_CRON = cron or settings.ADVANCEMENT_CRON
        monkeypatch.setattr(schedule, "database_now", lambda using: at(text))

    return set_to


def activate(text: str = "2026-01-01 00:00") -> None:
    Schedule.objects.create(activated_at=at(text))


def claim(day: str) -> Run:
    return claim_date(date.fromisoformat(day), RunRequest())[0]


@pytest.mark.parametrize(
    ("cron", "now", "slot"),
    [
        ("0 2 * * *", "2026-03-05 02:00:00", "2026-03-05 02:00"),
        ("0 2 * * *", "2026-03-05 02:00:00.000001", "2026-03-05 02:00"),
        ("0 2 * * *", "2026-03-05 02:00:59.999999", "2026-03-05 02:00"),
        ("0 2 * * *", "2026-03-05 01:59:59.999999", "2026-03-04 02:00"),
        ("0 2 * * *", "2026-03-01 00:00:00", "2026-02-28 02:00"),
        ("30 23 * * *", "2026-03-05 00:10:00", "2026-03-04 23:30"),
        ("0 2 * * 1", "2026-03-05 12:00:00", "2026-03-02 02:00"),
        ("0 2 1 * *", "2026-03-31 12:00:00", "2026-03-01 02:00"),
    ],
)
def test_the_latest_slot_is_the_newest_at_or_before_now(cron: str, now: str, slot: str) -> None:
    assert latest_slot(cron, at(now)) == at(slot)


def test_a_summer_time_change_elsewhere_does_not_matter() -> None:
    berlin = datetime.fromisoformat("2026-10-25T02:30:00+01:00")
    assert latest_slot("0 2 * * *", berlin) == at("2026-10-24 02:00")


def test_the_first_look_activates_the_schedule_and_nothing_before_it_is_due(clock) -> None:
    clock("2026-03-05 12:00")
    assert due_date() is None
    assert Schedule.objects.get().activated_at == at("2026-03-05 12:00")
    clock("2026-03-06 01:59")
    assert due_date() is None
    clock("2026-03-06 02:00")
    assert due_date() == date(2026, 3, 6)


def test_of_several_missed_nights_the_newest_alone_is_due(clock) -> None:
    activate()
    clock("2026-03-05 12:00")
    assert due_date() == date(2026, 3, 5)
    claim("2026-03-05")
    assert due_date() is None


def test_a_missed_night_is_made_up_once(clock) -> None:
    activate()
    clock("2026-03-05 12:00")
    assert [run.logical_date for run in work_off()] == [date(2026, 3, 5)]
    assert work_off() == []
    assert not something_to_do()


def test_a_late_tick_does_the_night_that_it_was_meant_for(clock) -> None:
    activate()
    clock("2026-03-06 01:00")
    assert due_date() == date(2026, 3, 5)
    claim("2026-03-05")
    clock("2026-03-06 02:00")
    assert due_date() == date(2026, 3, 6)


def test_an_earlier_night_is_not_made_up_once_a_newer_one_has_run(clock) -> None:
    activate()
    claim("2026-03-06")
    clock("2026-03-06 01:00")
    assert due_date() is None


def test_a_date_that_somebody_claimed_is_not_due(clock) -> None:
    activate()
    claim("2026-03-05")
    clock("2026-03-05 02:00")
    assert due_date() is None


def test_a_run_by_hand_does_not_take_the_night_s_place(clock) -> None:
    activate()
    clock("2026-03-05 12:00")
    Run.objects.create(kind="advancement", trigger="command", batch_size=1, created_at=at("2026-03-05 03:00"))
    assert due_date() == date(2026, 3, 5)


def test_with_a_weekday_the_days_between_are_not_due(clock) -> None:
    activate("2026-03-01 00:00")
    clock("2026-03-04 12:00", cron="0 2 * * 1")
    assert due_date() == date(2026, 3, 2)
    claim("2026-03-02")
    assert due_date() is None
    clock("2026-03-09 02:00")
    assert due_date() == date(2026, 3, 9)


def test_without_a_cron_nothing_is_ever_due(clock, settings: Settings) -> None:
    activate()
    clock("2026-03-05 12:00")
    settings.ADVANCEMENT_CRON = None
    assert due_date() is None
    assert not something_to_do()


def test_the_next_slot_is_the_next_one_after_now(clock, settings: Settings) -> None:
    clock("2026-03-05 02:00:00")
    assert next_slot() == at("2026-03-06 02:00")
    assert next_slot(now=at("2026-03-05 01:59:59")) == at("2026-03-05 02:00")
    settings.ADVANCEMENT_CRON = None
    assert next_slot() is None
