"""The audit trail in the console: its list, an event's page, its export."""

import csv
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from advancement.models import AdvancementEvent, Run
from advancement.models.runs import RunTrigger
from advancement.rollback.reversals import fates_of
from advancement.rollback.scope import RollbackRequest
from advancement.runs.override import override_tier
from advancement.runs.start import start_rollback
from advancement.runs.work import work_on
from advancement.views.csv_export import defused
from tests.console.people import operator, viewer
from tests.console.runs_cast import words
from tests.database.rows import event_values, insert
from tests.factories import add_rule, finished_run, make_sprout

pytestmark = pytest.mark.django_db

EVENTS = "console:events"


def _advance(count: int = 1, title: str = "notes/oak.md") -> None:
    add_rule()
    for number in range(count):
        make_sprout(title=f"{title}{number or ''}", signals={"citations": 5})
    finished_run()


def _shown(client: Client, **asked: Any) -> list[AdvancementEvent]:
    return list(client.get(reverse(EVENTS), asked).context["page"].rows)


def test_an_empty_trail_says_what_will_stand_there() -> None:
    assert "No events yet" in viewer().get(reverse(EVENTS)).text


def test_events_are_found_by_rule_run_type_operator_sprout_and_day() -> None:
    _advance(2)
    sprout = make_sprout()
    override_tier(sprout.pk, "tree", reason="So be it", by="anna", trigger=RunTrigger.COMMAND)
    client = viewer()
    advanced = AdvancementEvent.objects.filter(rule_id="a-rule")
    override = AdvancementEvent.objects.get(operator_id="anna")
    assert len(_shown(client)) == 3
    assert set(_shown(client, rule="a-rule")) == set(advanced)
    assert set(_shown(client, run=advanced[0].run_id)) == set(advanced)
    for asked in ({"operator": "anna"}, {"type": "manual-override"}, {"sprout": str(sprout.pk)}):
        assert _shown(client, **asked) == [override]
    today = timezone.localdate()
    assert len(_shown(client, since=today.isoformat(), until=today.isoformat())) == 3
    assert _shown(client, until=(today - timedelta(days=1)).isoformat()) == []


def test_a_range_goes_page_by_page_in_order_of_time_even_where_the_numbers_are_not() -> None:
    now = timezone.now()
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    for number in range(120):
        minutes = (number * 7) % 40  # several at a time
        insert(event_values(timestamp=noon - timedelta(minutes=minutes)))
    client, day = viewer(), {"since": (now - timedelta(days=2)).date().isoformat()}
    everything = list(AdvancementEvent.objects.order_by("-timestamp", "-id"))
    first = client.get(reverse(EVENTS), day).context["page"]
    second = client.get(reverse(EVENTS), day | {"after": first.after}).context["page"]
    third = client.get(reverse(EVENTS), day | {"after": second.after}).context["page"]
    assert [*first.rows, *second.rows, *third.rows] == everything
    back = client.get(reverse(EVENTS), day | {"before": second.before}).context["page"]
    assert list(back.rows) == list(first.rows)
    gone = client.get(reverse(EVENTS), day | {"after": 999_999})
    assert gone.status_code == 404
    assert "not there any more" in gone.text


def test_each_run_has_a_heading_with_its_kind_and_how_many_moves_are_on_the_page() -> None:
    _advance(2)
    sprout = make_sprout(title="notes/elm.md")
    override_tier(sprout.pk, "tree", reason="So be it", by="anna", trigger=RunTrigger.COMMAND)
    advancement, override = AdvancementEvent.objects.order_by("run_id").values_list("run_id", flat=True)[::2]
    client = viewer()
    page = client.get(reverse(EVENTS)).text
    assert f"Run {advancement}</a>" in page
    assert f"Override {override}</a>" in page
    assert "2 moves on this page" in page
    assert "1 move on this page" in page
    (event, _) = AdvancementEvent.objects.filter(run_id=advancement)
    page = client.get(reverse(EVENTS), {"sprout": str(event.sprout_id)}).text
    assert f'value="{event.sprout_id}"' in page
    assert "2 in all" in page


def test_a_filter_that_makes_no_sense_is_named_and_left_out() -> None:
    _advance()
    client = viewer()
    page = client.get(reverse(EVENTS), {"run": "x", "since": "2026-02-02", "until": "2026-02-01"})
    assert "Run is a number." in page.text
    assert "The last day is before the first one." in page.text
    page = client.get(reverse(EVENTS), {"type": "automatic", "since": "tomorrow"})
    assert "Type: “automatic” is no type of event; choose one from the list." in page.text
    assert "From day: Give a day as in 2026-11-29." in page.text


def test_a_long_trail_goes_page_by_page_in_both_directions(settings: Any) -> None:
    settings.ADVANCEMENT_MAX_SHARE = 1
    _advance(120)
    client = viewer()
    everything = list(AdvancementEvent.objects.order_by("-id"))
    first = client.get(reverse(EVENTS)).context["page"]
    second = client.get(reverse(EVENTS), {"after": first.after}).context["page"]
    third = client.get(reverse(EVENTS), {"after": second.after}).context["page"]
    assert [*first.rows, *second.rows, *third.rows] == everything
    assert third.after is None
    back = client.get(reverse(EVENTS), {"before": second.before}).context["page"]
    assert list(back.rows) == list(first.rows)
    assert client.get(reverse(EVENTS), {"after": "x"}).status_code == 404


def test_the_list_takes_as_many_queries_for_a_page_as_for_a_few(
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:
    _advance(60)
    client = viewer()
    with django_assert_max_num_queries(15):
        client.get(reverse(EVENTS))


def test_an_event_shows_what_counted_and_what_took_it_back() -> None:
    _advance()
    event = AdvancementEvent.objects.get()
    client = viewer()
    page = client.get(reverse("console:event", args=[event.pk])).text
    assert "notes/oak.md" in page
    assert "ROLLED BACK" not in page
    version = f"{reverse('console:rule', args=['a-rule'])}?after=2"
    assert f'href="{version}#version-1"' in page
    assert 'id="version-1"' in client.get(version).text
    run = start_rollback(
        RollbackRequest(reason="Too early", requested_by="anna", run=event.run_id), trigger=RunTrigger.COMMAND
    )
    work_on(run.pk, run.lease_token)
    page = client.get(reverse("console:event", args=[event.pk])).text
    assert "ROLLED BACK" in page
    assert "Too early" in page
    assert client.get(reverse("console:event", args=[10**9])).status_code == 404


def test_the_days_in_a_tier_are_said_once_and_actual_comes_before_needed() -> None:
    _advance()
    page = operator().get(reverse("console:event", args=(AdvancementEvent.objects.get().pk,)))
    said = words(page)
    assert re.search(r"Days in tier in every period [\d,]+(\.\d)? ", said)
    assert "Period Actual Needed Verdict" in said


def test_what_was_rolled_back_and_what_was_put_back_are_two_kinds_of_events_everywhere() -> None:
    _advance()
    advanced = AdvancementEvent.objects.get()
    for scope in ({"run": advanced.run_id}, {"undoes": advanced.run_id + 1}):
        run = start_rollback(
            RollbackRequest(reason="Too early", requested_by="anna", **scope), trigger=RunTrigger.COMMAND
        )
        work_on(run.pk, run.lease_token)
    client, rolled_back, put_back = operator(), *AdvancementEvent.objects.order_by("pk")[1:]
    for kind, event, label in (
        ("auto-advancement", advanced, "Automatic"),
        ("bulk-rollback", rolled_back, "Rollback"),
        ("undo", put_back, "Undo of a rollback"),
    ):
        page = client.get(reverse(EVENTS), {"type": kind})
        assert list(page.context["page"].rows) == [event]
        assert f'<option value="{kind}" selected>{label}</option>' in page.text
        assert f"{label}</span>" in page.text
        assert f"{label}</span>" in client.get(reverse("console:event", args=[event.pk])).text
        exported = b"".join(client.get(reverse("console:export_events"), {"type": kind})).decode()
        (row,) = csv.DictReader(exported.removeprefix("\ufeff").splitlines())
        assert (row["id"], row["kind"]) == (str(event.pk), kind)


def test_an_event_whose_rollback_was_undone_is_restored_everywhere_and_not_rolled_back() -> None:
    _advance()
    event = AdvancementEvent.objects.get()
    client = viewer()

    def rolled_back(**scope: Any) -> Run:
        request = RollbackRequest(reason="Too early", requested_by="anna", **scope)
        run = start_rollback(request, trigger=RunTrigger.COMMAND)
        return work_on(run.pk, run.lease_token)

    pages = (
        reverse("console:event", args=[event.pk]),
        f"{reverse(EVENTS)}?run={event.run_id}",
        reverse("console:plan", args=[event.run_id]),
        reverse("console:sprout", args=[event.sprout_id]),
    )
    back = rolled_back(run=event.run_id)
    for page in pages:
        text = client.get(page).text
        assert "rolled back</span>" in text.lower()
        assert "Restored" not in text
    undo = rolled_back(undoes=back.pk)
    for page in pages:
        text = client.get(page).text
        assert "rolled back</span>" not in text.lower()
        assert "Restored</span>" in text
    taken, restored = AdvancementEvent.objects.filter(pk__gt=event.pk).order_by("pk")
    text = client.get(pages[0]).text
    assert f"event {taken.pk}</a> of" in text
    assert f"event {restored.pk}</a> of" in text
    assert text.index(f"event {restored.pk}</a>") < text.index(f"event {taken.pk}</a>")
    assert "Undone</span>" in client.get(reverse("console:event", args=[taken.pk])).text
    rolled_back(undoes=undo.pk)
    for page in pages:
        text = client.get(page).text
        assert "rolled back</span>" in text.lower()
    assert [turn.word for turn in client.get(pages[0]).context["turns"]] == [
        *("Rolled back", "Restored", "Rolled back")
    ]
    outcome = b"".join(operator().get(reverse("console:plan_csv", args=[event.run_id]))).decode()
    assert "Rolled back" in outcome


def test_the_fates_of_a_page_of_events_take_one_statement_however_often_they_turned(
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    _advance(3)
    events = list(AdvancementEvent.objects.values_list("pk", flat=True))
    with django_assert_num_queries(1):
        assert fates_of(events) == {}


def test_the_export_holds_what_the_filter_found_and_defuses_formulas() -> None:
    _advance(3, title="=1+1")
    lines = b"".join(operator().get(reverse("console:export_events"), {"rule": "a-rule"})).decode("utf-8-sig")
    assert len(lines.splitlines()) == 4
    assert "'=1+1" in lines
    assert ",=1+1" not in lines


@pytest.mark.parametrize(
    "text", ["=A1", "+1", "-1", "@x", "\tx", "\rx", " =1", " \t+1", "\u00a0-1", "＝A1", "＠x", " ＋1", "－1"]
)
def test_what_a_spreadsheet_takes_for_a_formula_gets_an_apostrophe(text: str) -> None:
    assert defused(text) == f"'{text}"
    assert defused(f"a{text}") == f"a{text}"


def test_who_may_only_look_cannot_export() -> None:
    assert viewer().get(reverse("console:export_events")).status_code == 403


def test_who_decided_is_said_to_cover_overrides_and_rollbacks_and_the_runs_are_a_click_away() -> None:
    page = viewer().get(reverse("console:events"), {"operator": "anna"}).text
    assert "Decided by" in page
    assert "the overrides and rollbacks that one person made, by the whole name" in page
    assert f'{reverse("console:runs")}?who=anna"' in page
