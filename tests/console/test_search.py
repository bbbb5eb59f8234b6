"""Quick search: one box that finds sprouts, rules, runs and events."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse

from advancement.models import AdvancementEvent, Run
from advancement.views.destinations import destinations
from tests.console.people import signed_in_superuser, viewer
from tests.factories import add_rule, finished_run, make_sprout

pytestmark = pytest.mark.django_db


def _search(client: Client, text: str, **headers: str) -> Any:
    return client.get(reverse("console:search"), {"q": text}, headers=headers)


def _kinds(page: Any) -> list[str]:
    return [hit.kind for hit in page.context["hits"]]


def test_a_part_of_a_name_finds_rules_and_sprouts() -> None:
    add_rule(slug="oak-rule", title="Oaks grow")
    make_sprout(title="notes/oak.md")
    make_sprout(title="notes/elm.md")
    assert _kinds(_search(viewer(), "oak")) == ["Rule", "Sprout"]


def test_the_number_of_a_run_and_the_id_of_a_sprout_lead_there_at_once() -> None:
    add_rule()
    sprout = make_sprout()
    run = finished_run()
    client = viewer()
    assert _search(client, f"{run.pk}")["Location"] == reverse("console:run", args=[run.pk])
    assert _search(client, str(sprout.pk))["Location"] == reverse("console:sprout", args=[sprout.pk])


def test_a_number_that_is_a_run_and_an_event_shows_both() -> None:
    add_rule()
    make_sprout(signals={"citations": 5})
    finished_run()
    event = AdvancementEvent.objects.get()
    run = Run.objects.get()
    if run.pk != event.pk:
        run.pk = event.pk
        run.save(force_insert=True)
    assert _kinds(_search(viewer(), str(event.pk))) == ["Run", "Event"]


def test_a_sprout_that_was_deleted_leads_to_its_events() -> None:
    add_rule()
    sprout = make_sprout(signals={"citations": 5})
    finished_run()
    wanted = sprout.pk
    sprout.delete()
    assert _search(viewer(), str(wanted))["Location"] == f"{reverse('console:events')}?sprout={wanted}"


@pytest.mark.parametrize("text", ["run {}", "Run #{}", "dry run {}", "rollback {}", "#{}"])
def test_a_run_is_found_by_a_word_and_its_number(text: str) -> None:
    run = finished_run()
    page = _search(viewer(), text.format(run.pk))
    assert page["Location"] == reverse("console:run", args=[run.pk])


def test_a_word_before_the_number_says_which_is_meant() -> None:
    add_rule()
    make_sprout(signals={"citations": 5})
    finished_run()
    event = AdvancementEvent.objects.get()
    client = viewer()
    assert _search(client, f"event {event.pk}")["Location"] == reverse("console:event", args=[event.pk])
    assert _kinds(_search(client, "event 123456789")) == []


def test_the_words_of_a_title_are_found_in_any_order() -> None:
    make_sprout(title="notes/Old Oak.md")
    make_sprout(title="notes/oak.md")
    assert [hit.name for hit in _search(viewer(), "oak  old").context["hits"]] == ["notes/Old Oak.md"]


def test_of_many_sprouts_the_first_by_title_are_shown_with_the_way_to_all() -> None:
    for number in reversed(range(10)):
        make_sprout(title=f"{'Oak' if number % 2 else 'oak'} {number}")
    page = _search(viewer(), "oak")
    assert [hit.name[-1] for hit in page.context["hits"]] == list("01234567")
    assert f"{reverse('console:sprouts')}?q=oak" in page.text


def test_pages_are_found_by_what_is_done_there_for_those_who_may() -> None:
    anybody, looker = signed_in_superuser(), viewer()

    def names(client: Client, text: str) -> list[str]:
        return [hit.name for hit in _search(client, text).context["hits"]]

    assert names(anybody, "rollback") == ["Bulk Rollback"]
    assert names(anybody, "undo") == ["Bulk Rollback"]
    assert names(looker, "rollback") == []
    assert names(looker, "health") == ["Health"]


def test_every_page_that_a_search_names_is_there() -> None:
    client = signed_in_superuser()
    request = RequestFactory().get("/")
    request.user = User.objects.get(is_superuser=True)
    addresses = [place.address for place in destinations(request, "")]
    assert len(addresses) > 10
    assert {client.get(address).status_code for address in addresses} == {200}


def test_nothing_found_says_so_and_what_to_try() -> None:
    assert "Nothing is called “birch”" in _search(viewer(), "birch").text


def test_while_typing_only_the_hits_are_sent() -> None:
    make_sprout(title="notes/oak.md")
    part = _search(viewer(), "oak", **{"HX-Request": "true"})
    assert "notes/oak.md" in part.text
    assert "<html" not in part.text


def test_nobody_finds_what_they_may_not_look_at() -> None:
    make_sprout(title="notes/oak.md")
    client = Client()
    client.force_login(User.objects.create_user("guest", is_staff=True))
    assert _kinds(_search(client, "oak")) == []
