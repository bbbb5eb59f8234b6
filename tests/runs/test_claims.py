"""However many schedulers race for a UTC date, it is run once."""

from datetime import UTC, date, datetime
from threading import Barrier

import pytest
from django.db import IntegrityError

from advancement.models import AdvancementEvent, Run
from advancement.runs.schedule import work_off
from advancement.runs.start import RunRequest, claim_date
from tests.factories import add_rule
from tests.runs.conftest import DAY, Beside, assert_all_moved_once, end_of, manage, plant, start_manage

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_sixteen_who_claim_a_date_one_gets_it(beside: Beside) -> None:
    barrier = Barrier(16)

    def claim() -> tuple[int, bool]:
        barrier.wait(30)
        run, mine = claim_date(DAY, RunRequest())
        return run.pk, mine

    claims = [future.result(60) for future in [beside(claim) for _ in range(16)]]
    assert len({run for run, _ in claims}) == 1
    assert sum(mine for _, mine in claims) == 1
    assert Run.objects.count() == 1


def test_each_date_has_a_claim_of_its_own() -> None:
    first, _ = claim_date(DAY, RunRequest())
    second, mine = claim_date(date(2026, 3, 6), RunRequest())
    assert mine
    assert first != second


def test_a_claim_that_the_database_refuses_is_not_taken_for_one_that_came_late() -> None:
    with pytest.raises(IntegrityError):
        claim_date(DAY, RunRequest(batch_size=-1))


def test_the_second_scheduled_command_of_a_day_says_so_and_is_content() -> None:
    add_rule("citations >= 3")
    plant(3)
    first = manage("run_advancement", "--scheduled", "--json")
    assert (first.code, first.json["status"], first.json["advanced"]) == (0, "succeeded", 3)
    plant(3)
    second = manage("run_advancement", "--scheduled", "--json")
    assert (second.code, second.json["status"]) == (0, "already_claimed")
    assert second.json["run_status"] == "succeeded"
    assert second.json["run"] == first.json["run"]
    for_people = manage("run_advancement", "--scheduled")
    assert for_people.code == 0
    assert f"already claimed by run {first.json['run']}" in " ".join(for_people.out.split())
    assert AdvancementEvent.objects.count() == 3


def test_four_scheduled_commands_at_once_do_the_day_once() -> None:
    add_rule("citations >= 3")
    plant(40)
    started = [start_manage("run_advancement", "--scheduled", "--json") for _ in range(4)]
    ended = [end_of(process) for process in started]
    assert [command.code for command in ended] == [0] * 4, [command.err for command in ended]
    assert sorted(command.json["status"] for command in ended) == ["already_claimed"] * 3 + ["succeeded"]
    assert_all_moved_once(Run.objects.get(), 40)


def test_clusters_that_work_at_once_do_the_date_that_is_due_once(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_rule("citations >= 3")
    plant(20)
    monkeypatch.setattr("advancement.runs.schedule.latest_slot", lambda cron, now: datetime.now(UTC))
    barrier = Barrier(4)

    def work() -> list[Run]:
        barrier.wait(30)
        return work_off()

    worked = [future.result(60) for future in [beside(work) for _ in range(4)]]
    assert sum(len(runs) for runs in worked) == 1
    assert_all_moved_once(Run.objects.get(), 20)
