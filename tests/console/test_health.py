"""Health: what works by itself, and what a person may do when it does not."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_q.conf import Conf
from django_q.models import Task
from django_q.signing import SignedPackage
from django_q.status import Status
from pytest_django import Settings

from advancement.ledger import record
from advancement.ledger.record import check_and_record, last_check, ledger_fault
from advancement.ledger.verify import verify_ledger
from advancement.models import OutboxMessage, Seal
from tests.console.people import operator, viewer
from tests.console.runs_cast import words
from tests.factories import add_rule, finished_run, make_sprout, refreshed
from tests.notifications.conftest import make_message

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _health(client: Client) -> Any:
    return client.get(reverse("console:health"))


def test_it_names_what_is_wrong_with_each_part() -> None:
    page = _health(viewer())
    faults = {part.name: part.fault for part in page.context["parts"]}
    assert "has not looked for work yet" in str(faults["Scheduler and task clusters"])
    assert faults["Audit trail"] is None
    assert faults["Database"] is None


def test_it_asks_for_each_thing_once(django_assert_max_num_queries: Callable[[int], Any]) -> None:
    for number in range(12):
        make_message(key=f"run-{number}-failed", status="failed", failed_at=NOW, attempts=12)
        refreshed()
    client = operator()
    with django_assert_max_num_queries(26):
        _health(client)


def test_the_ledger_is_checked_on_request() -> None:
    add_rule()
    make_sprout(signals={"citations": 5})
    finished_run()
    page = viewer().post(reverse("console:check_ledger"))
    assert "The ledger is whole" in page.text
    assert page.context["newest_seal"].number == 1


def test_a_fault_of_the_ledger_is_shown_with_its_sentence() -> None:
    add_rule()
    sprout = make_sprout(signals={"citations": 5})
    finished_run()
    type(sprout).objects.filter(pk=sprout.pk).update(tier="grove")
    client = viewer()
    page = client.post(reverse("console:check_ledger"))
    assert page.context["verification"].found
    assert str(sprout.pk) in page.text
    later = _health(client)
    assert str(sprout.pk) in later.text
    assert "found 1 fault" in str({part.name: part.fault for part in later.context["parts"]}["Ledger"])
    assert "found 1 fault" in " ".join(client.get(reverse("console:dashboard")).text.split())
    type(sprout).objects.filter(pk=sprout.pk).update(tier="sapling")
    call_command("verify_ledger")
    assert {part.name: part.fault for part in _health(client).context["parts"]}["Ledger"] is None
    assert "See the faults" not in client.get(reverse("console:dashboard")).text


def test_a_head_that_was_refuted_stays_so_until_one_as_late_is_in_the_chain() -> None:
    client = viewer()
    add_rule()
    for _ in range(2):
        make_sprout(signals={"citations": 5})
        finished_run()
    first, second = Seal.objects.order_by("number")
    for head in (f"2:{'0' * 64}", f"0:{'0' * 64}", f"1:{'0' * 64}", str(first), ""):
        with contextlib.suppress(CommandError):
            call_command("verify_ledger", *(["--head", head] if head else []))
        assert "Seal 2 has another hash" in _health(client).text
    call_command("verify_ledger", "--head", str(second))
    assert "Seal 2 has another hash" not in _health(client).text


def test_a_head_that_was_mistyped_is_forgotten_when_somebody_says_so() -> None:
    with pytest.raises(CommandError):
        call_command("verify_ledger", "--head", f"7:{'0' * 64}")
    assert "There is no seal 7" in _health(viewer()).text
    call_command("verify_ledger", "--forget-head")
    assert "There is no seal 7" not in _health(operator()).text


def test_a_check_that_looked_earlier_does_not_hide_what_a_later_one_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_rule()
    sprout = make_sprout(signals={"citations": 5})
    finished_run()

    def overtaken(*args: Any, **options: Any) -> Any:
        """Return what this check saw, after another one that began later has ended."""
        found = verify_ledger(*args, **options)
        monkeypatch.setattr(record, "verify_ledger", verify_ledger)
        type(sprout).objects.filter(pk=sprout.pk).update(tier="grove")
        assert check_and_record().found == 1
        return found

    monkeypatch.setattr(record, "verify_ledger", overtaken)
    assert check_and_record().found == 0
    assert ledger_fault(last_check()) is not None


def test_a_ledger_that_is_too_long_for_a_page_is_left_to_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_rule()
    for _ in range(2):
        make_sprout(signals={"citations": 5})
    finished_run()
    monkeypatch.setattr("advancement.views.health.MOST_CHECKED", 1)
    page = viewer().post(reverse("console:check_ledger"), follow=True)
    assert "run manage.py verify_ledger instead" in page.text


def test_messages_that_were_given_up_are_tried_again() -> None:
    message = make_message(status="failed", failed_at=NOW, attempts=12)
    client = operator()
    assert message.key in _health(client).text
    client.post(reverse("console:resend"))
    assert OutboxMessage.objects.get().status == "pending"


def test_a_test_goes_through_every_channel_or_says_that_there_is_none(
    settings: Any, mailoutbox: list[Any]
) -> None:
    client = operator()
    page = client.post(reverse("console:try_channels"), follow=True)
    assert "No channel is configured" in page.text
    settings.NOTIFY_EMAILS = ["anna@example.org"]
    page = client.post(reverse("console:try_channels"), follow=True)
    assert "handed over" in page.text
    assert len(mailoutbox) == 1


def test_who_may_only_look_is_not_offered_to_send() -> None:
    make_message(status="failed", failed_at=NOW, attempts=12)
    client = viewer()
    assert "Try 1 again" not in _health(client).text
    for name in ("resend", "try_channels"):
        assert client.post(reverse(f"console:{name}")).status_code == 403


def test_it_says_what_each_cluster_did_and_when_the_daily_run_is_due() -> None:
    page = _health(viewer())
    assert [cluster.name for cluster in page.context["clusters"]] == ["control", "runs", "notifications"]
    assert "0 2 * * *" in page.text
    assert "has said in the last seconds that it is alive" in page.text


def test_a_cluster_is_told_by_its_heartbeat_and_its_tasks() -> None:
    stat = Status(4711, "a-cluster")
    stat.tob, stat.status, stat.host = NOW, "Idle", "a-host"
    cache.set(Conf.Q_STAT, [f"{Conf.Q_STAT}:a", f"{Conf.Q_STAT}:foreign"])
    cache.set(f"{Conf.Q_STAT}:a", SignedPackage.dumps(stat, True))
    cache.set(f"{Conf.Q_STAT}:foreign", "not signed by us")
    for number, success in enumerate([True, True, False]):
        Task.objects.create(
            id=str(number), name="t", func="advancement.tasks.work", started=NOW, stopped=NOW, success=success
        )
    page = _health(viewer())
    (runs,) = [cluster for cluster in page.context["clusters"] if cluster.name == "runs"]
    assert (runs.last_done, runs.failed) == (NOW, 1)
    assert "process 4711 on a-host (idle" in page.text
    cache.clear()


def test_refreshes_of_the_signals_say_when_how_long_and_as_of_when() -> None:
    refreshed()
    page = _health(viewer()).text
    assert "as imported" in page
    assert "0\N{NO-BREAK SPACE}ms" in page


def test_the_schedules_are_only_to_look_at_and_say_where_the_time_is_set() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    page = client.get(reverse("admin:django_q_schedule_changelist")).text
    assert "ADVANCEMENT_CRON" in page
    for name in ("add", "delete"):
        arguments = [] if name == "add" else [1]
        assert client.get(reverse(f"admin:django_q_schedule_{name}", args=arguments)).status_code in {
            302,
            403,
        }


def test_nobody_to_be_told_is_not_called_well(settings: Settings) -> None:
    client = viewer()
    assert "Notifications Not configured Nobody is told: set NOTIFY_EMAILS" in words(_health(client))
    settings.NOTIFY_EMAILS = ["anna@example.org"]
    assert "Notifications Well Nothing is stuck in the outbox." in words(_health(client))
