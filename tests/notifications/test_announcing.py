"""What a run's end puts into the outbox: in the same transaction, once, and without harm to the run."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F
from pytest_django import Settings

from advancement import tasks
from advancement.leases import MOST_ATTEMPTS
from advancement.models import AdvancementEvent, OutboxMessage, Run
from advancement.notifications import outbox
from advancement.notifications.outbox import announce
from advancement.runs.schedule import resume_abandoned
from advancement.runs.summary import summarise
from advancement.runs.work import work_on
from tests.database.rows import run_values, saved
from tests.factories import add_rule, finished_run, planned_run
from tests.notifications.conftest import ADDRESSES, SECRET
from tests.rollback.cast import rollback
from tests.runs.conftest import execute, failing_batches, let_lease_expire, needs_postgresql, plant

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_delays", "configured"),
]


@pytest.fixture
def configured(settings: Settings) -> None:
    settings.NOTIFY_EMAILS = list(ADDRESSES)
    settings.NOTIFY_WEBHOOK_URL = "https://hooks.example.org/path-that-is-a-secret"
    settings.NOTIFY_WEBHOOK_SECRET = SECRET
    settings.CONSOLE_URL = "https://console.example.org"


@pytest.fixture
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advancement.runs.retry.RETRY_DELAYS", (0, 0, 0))


def keys() -> list[str]:
    """Return the events that the outbox knows, oldest first."""
    return list(dict.fromkeys(OutboxMessage.objects.order_by("id").values_list("key", flat=True)))


def text() -> str:
    """Return what the outbox says, which is the same to everybody."""
    (said,) = set(OutboxMessage.objects.values_list("text", flat=True))
    assert isinstance(said, str)
    return said


def grow(count: int = 2) -> None:
    add_rule("citations >= 3")
    plant(count)


def test_a_run_that_moved_something_is_told_to_everybody_once() -> None:
    grow()
    run = finished_run()
    assert [(m.key, m.channel, m.recipient) for m in OutboxMessage.objects.order_by("id")] == [
        (f"run-{run.pk}-succeeded", "email", ADDRESSES[0]),
        (f"run-{run.pk}-succeeded", "email", ADDRESSES[1]),
        (f"run-{run.pk}-succeeded", "webhook", "NOTIFY_WEBHOOK_URL"),
    ]
    assert OutboxMessage.objects.values("delivery_id").distinct().count() == 3
    announce(run, summarise)
    assert OutboxMessage.objects.count() == 3


def test_the_digest_says_what_moved_by_rule_with_links() -> None:
    grow()
    run = finished_run()
    assert OutboxMessage.objects.values("subject").distinct().get()["subject"] == (
        f"Grove Console: 2 sprouts advanced in run {run.pk}"
    )
    assert text() == (
        f"2 sprouts advanced in run {run.pk}.\n\n"
        "By rule:\n"
        "- a-rule, version 1, sprout → sapling: 2 – "
        "https://console.example.org/rules/a-rule/\n\n"
        f"Look at the run: https://console.example.org/runs/{run.pk}/"
    )


def test_programs_are_told_the_same_in_fields() -> None:
    grow(1)
    run = finished_run()
    fields = OutboxMessage.objects.values("fields").filter(channel="webhook").get()["fields"]
    assert fields["counts"] == {
        "evaluated": 1,
        "advanced": 1,
        "no_match": 0,
        "no_signals": 0,
        "held": 0,
        "invalid": 0,
        "blocked": 0,
        "skipped": 0,
        "failed": 0,
    }
    assert {name: fields[name] for name in ("kind", "run", "status", "date", "url")} == {
        "kind": "advanced",
        "run": str(run.pk),
        "status": "succeeded",
        "date": None,
        "url": f"https://console.example.org/runs/{run.pk}/",
    }
    assert [(line["rule"], line["version"], line["count"]) for line in fields["by_rule"]] == [
        ("a-rule", 1, 1)
    ]


def test_without_the_console_s_address_the_run_is_named_without_a_link(settings: Settings) -> None:
    settings.CONSOLE_URL = ""
    grow(1)
    run = finished_run()
    assert "http" not in text()
    assert text().startswith(f"1 sprout advanced in run {run.pk}.\n")
    assert OutboxMessage.objects.filter(channel="webhook").get().fields["url"] is None


def test_the_links_lead_to_pages_that_are_there(admin_client: Any) -> None:
    grow(1)
    finished_run()
    links = [word for word in text().split() if word.startswith("https://console.example.org")]
    assert len(links) == 2
    for link in links:
        assert admin_client.get(link.removeprefix("https://console.example.org")).status_code == 200


@pytest.mark.parametrize("how", ["dry run", "nothing moved", "override"])
def test_nothing_is_told_about(how: str) -> None:
    if how == "dry run":
        grow()
        finished_run(dry_run=True)
    elif how == "nothing moved":
        finished_run()
    else:
        announce(saved(run_values(kind="override", advanced=1)), summarise)
    assert keys() == []


def test_nothing_is_written_and_nothing_asked_when_nobody_is_to_be_told(
    settings: Settings, django_assert_num_queries: Any
) -> None:
    settings.NOTIFY_EMAILS, settings.NOTIFY_WEBHOOK_URL = [], ""
    run = saved(run_values(advanced=2))
    with django_assert_num_queries(0):
        announce(run, summarise)
    assert keys() == []


def test_a_rollback_says_who_and_why() -> None:
    run = saved(
        run_values(kind="rollback", advanced=12, requested_by="ada", reason="The rule was\ntoo <eager>.")
    )
    announce(run, summarise)
    assert keys() == [f"run-{run.pk}-succeeded"]
    assert text() == (
        f"12 advancements rolled back in run {run.pk}.\n\nBy ada. Reason: The rule was too <eager>.\n\n"
        f"Look at the run: https://console.example.org/runs/{run.pk}/"
    )
    message = OutboxMessage.objects.filter(channel="webhook").get()
    assert message.kind == message.fields["kind"] == "rolled-back"
    assert (message.fields["requested_by"], message.fields["reason"]) == ("ada", run.reason)


def test_a_real_rollback_and_its_undo_are_told_with_their_figures() -> None:
    grow()
    run = finished_run()
    back = rollback(run=run.pk)
    undo = rollback(undoes=back.pk)
    told = {message.key: message for message in OutboxMessage.objects.filter(channel="webhook")}
    assert told[f"run-{back.pk}-succeeded"].fields["counts"]["reverted"] == 2
    assert told[f"run-{undo.pk}-succeeded"].text.startswith(
        f"2 advancements restored in run {undo.pk}, which undoes run {back.pk}."
    )


def test_a_held_run_says_why_and_what_to_do_and_once_approved_what_moved(settings: Settings) -> None:
    settings.ADVANCEMENT_MAX_MOVES = 1
    grow()
    run = finished_run()
    assert run.status == "held"
    assert keys() == [f"run-{run.pk}-held"]
    assert text().startswith(f"Run {run.pk} is held by a guardrail.\n\nNothing was changed. It would move 2")
    assert f"manage.py decide_run {run.pk} --approve or --discard" in text()
    assert OutboxMessage.objects.filter(channel="webhook").get().fields["held_because"] == run.held_because
    call_command("decide_run", str(run.pk), "--approve", "--reason", "fine")
    assert keys() == [f"run-{run.pk}-held", f"run-{run.pk}-succeeded"]


def test_a_failed_run_says_so_once_a_day_for_each_error(monkeypatch: pytest.MonkeyPatch) -> None:
    grow()
    with failing_batches(monkeypatch, RuntimeError("port 5432 is shut"), 1):
        run = finished_run()
    assert len(keys()) == 1
    assert keys()[0].startswith(f"run-{run.pk}-failed-")
    assert text().startswith(f"Run {run.pk} failed.\n\nThe error: port 5432 is shut\n\n0 of 2 moves were")
    assert f"It is tried again at {run.retry_at:%Y-%m-%d %H:%M} UTC." in text()

    for error in ("port 5433 is shut", "the disk is full"):
        Run.objects.update(retry_at=F("created_at"))
        with failing_batches(monkeypatch, RuntimeError(error), 1):
            tasks.work()
    assert Run.objects.get().attempts == 3
    assert len(keys()) == 2

    Run.objects.update(retry_at=F("created_at"))
    tasks.work()
    assert keys()[2:] == [f"run-{run.pk}-succeeded"]


def test_a_run_that_is_put_off_since_its_workers_died_is_told_as_well() -> None:
    run = planned_run()
    Run.objects.update(attempts=MOST_ATTEMPTS)
    let_lease_expire(run)
    resume_abandoned()
    assert "Its worker ended without a word, at attempt 5." in text()


def test_when_the_end_of_a_run_is_rolled_back_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    grow()
    run = planned_run()

    def fail(run: Run, *arguments: Any, **options: Any) -> None:
        announce(run, *arguments, **options)
        assert OutboxMessage.objects.exists()
        raise RuntimeError("out of the blue")

    with monkeypatch.context() as patch:
        patch.setattr("advancement.runs.work.announce", fail)
        with pytest.raises(RuntimeError, match="out of the blue"):
            work_on(run.pk, run.lease_token)
    run.refresh_from_db()
    assert run.status == "applying"
    assert keys() == []
    let_lease_expire(run)
    resume_abandoned()
    assert keys() == [f"run-{run.pk}-succeeded"]


@pytest.mark.parametrize("defect", ["in the words", "in the table"])
def test_what_goes_wrong_in_the_outbox_does_not_fail_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, defect: str
) -> None:
    grow()

    def fail(*arguments: Any) -> Any:
        if defect == "in the words":
            raise KeyError("by_rule")
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO no_such_table VALUES (1)")

    monkeypatch.setattr(outbox, "_write", fail)
    run = finished_run()
    assert (run.status, run.advanced, run.error) == ("succeeded", 2, "")
    assert AdvancementEvent.objects.count() == 2
    assert keys() == []
    assert caplog.records[-1].message == f"Run {run.pk} came to its end, and nobody can be told"


@needs_postgresql
def test_when_the_connection_is_lost_meanwhile_the_run_s_end_is_tried_again_and_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grow()
    lost: list[int] = []

    def lose_connection(run: Run, *, using: str) -> dict[str, Any]:
        if not lost:
            lost.append(run.pk)
            execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return summarise(run, using=using)

    monkeypatch.setattr("advancement.runs.work.summary_of", lose_connection)
    run = finished_run()
    assert lost == [run.pk]
    assert (run.status, run.advanced) == ("succeeded", 2)
    assert keys() == [f"run-{run.pk}-succeeded"]


def test_an_announcement_takes_as_many_queries_for_one_recipient_as_for_many(
    settings: Settings, django_assert_num_queries: Any
) -> None:
    run = saved(run_values(advanced=2))
    summary = summarise(run)
    now = 1 if connection.vendor == "postgresql" else 0
    for count in (1, 50):
        settings.NOTIFY_EMAILS = [f"person-{number}@example.org" for number in range(count)]
        with transaction.atomic(), django_assert_num_queries(3 + now):
            announce(run, lambda run: summary)


def test_long_lists_and_texts_are_shortened() -> None:
    run = saved(run_values(kind="rollback", advanced=12, requested_by="ada", reason="x" * 5000 + "\x1b"))
    line = {"rule": "a-rule", "version": 1, "from": "sprout", "to": "sapling", "count": 2}
    by_rule = [{**line, "rule": None, "from": "tree"}, *[line] * 29]
    announce(run, lambda run: {**summarise(run), "by_rule": by_rule})
    assert len(text()) < 4500
    assert "By rule:\n- tree → sapling: 2\n- a-rule, version 1, sprout → sapling: 2 – https://" in text()
    assert "- and 10 more\n" in text()
    assert "x…" in text()
