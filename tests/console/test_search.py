"""Quick search: one box that finds sprouts, rules, runs and events."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from advancement.database.indexes import has_title_index
from advancement.models import AdvancementEvent, LifecycleModel, Run
from advancement.views.search_hits import PLACES
from tests.console.people import operator, signed_in_superuser, viewer
from tests.factories import add_rule, finished_run, make_sprout

pytestmark = pytest.mark.django_db


def _search(client: Client, text: str, **headers: str) -> Any:
    return client.get(reverse("console:search"), {"q": text}, headers=headers)


def _kinds(page: Any) -> list[str]:
    return [hit.kind for hit in page.context["hits"]]


def _names(client: Client, text: str) -> list[str]:
    return [hit.name for hit in _search(client, text).context["hits"]]


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


@pytest.mark.parametrize("text", ["0badcafe", "0BADCAFE-12", "0badcafe1234"])
def test_the_beginning_of_an_id_finds_its_sprout_beside_those_that_are_called_so(text: str) -> None:
    for number, title in enumerate(["one", "two"]):
        make_sprout(id=UUID(f"0badcafe-1234-4567-89ab-00000000000{number}"), title=title)
    make_sprout(id=UUID("0badcaff-0000-4567-89ab-000000000000"), title=f"About {text}")
    assert _names(viewer(), text) == ["one", "two", f"About {text}"]


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


@pytest.mark.parametrize(
    "text",
    [
        "run {}",
        "Run #{}",
        "dry run {}",
        "held run {}",
        "rollback {}",
        "plan of rollback {}",
        "override {}",
        "#{}",
    ],
)
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


def test_a_file_of_that_name_comes_before_paths_that_contain_the_word() -> None:
    client = viewer()
    for number in range(9):
        make_sprout(title=f"docs/a/spec/{number}.md")
    make_sprout(title="docs/SPEC.md")
    make_sprout(title="docs/spec.d/SPECIAL.md")
    found = [hit.name for hit in _search(client, "spec").context["hits"]]
    assert found == ["docs/SPEC.md", *(f"docs/a/spec/{number}.md" for number in range(7))]
    assert [hit.name for hit in _search(client, "docs spec.md").context["hits"]] == ["docs/SPEC.md"]
    assert _search(client, "special").context["hits"][0].name == "docs/spec.d/SPECIAL.md"


def test_an_event_by_its_number_comes_before_sprouts_with_the_number_in_their_title() -> None:
    client = operator()
    add_rule()
    sprout = make_sprout(title="notes/oak.md", signals={"citations": 5})
    finished_run()
    event = AdvancementEvent.objects.get()
    make_sprout(title=f"notes/{event.pk}.md")
    kinds = [hit.kind for hit in _search(client, str(event.pk)).context["hits"]]
    assert kinds[-2:] == ["Event", "Sprout"]
    assert "🌿 Sapling" in _search(client, sprout.title).text


def test_pages_are_found_by_what_is_done_there_for_those_who_may() -> None:
    anybody, looker = signed_in_superuser(), viewer()
    assert _names(anybody, "bulk rollback") == ["Bulk Rollback"]
    assert _names(anybody, "undo") == ["Bulk Rollback", "Events of undone rollbacks"]
    assert _names(looker, "bulk rollback") == []
    assert _names(looker, "health") == ["Health"]


def test_every_page_and_list_that_a_search_names_is_there() -> None:
    client = signed_in_superuser()
    addresses = [place.address for place in PLACES]
    assert len(addresses) == len(set(addresses)) > 30
    assert {client.get(address).status_code for address in addresses} == {200}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("held runs", "/runs/?status=held"),
        ("failed runs", "/runs/?status=failed"),
        ("dry runs", "/runs/?what=dry"),
        ("on hold", "/sprouts/?held=on"),
        ("drafts", "/rules/?state=draft"),
        ("archived", "/rules/?state=archived"),
        ("put back", "/events/?type=undo"),
    ],
)
def test_a_status_leads_to_the_list_with_that_filter(text: str, address: str) -> None:
    add_rule()
    client = viewer()
    (hit,) = _search(client, text).context["hits"]
    assert hit.address == address
    chosen = client.get(hit.address).text
    assert " selected" in chosen or " checked" in chosen


def test_a_status_of_several_lists_finds_each_of_them_for_those_who_may_look() -> None:
    assert _names(operator(), "failed") == ["Failed runs", "Notifications given up"]
    assert _names(viewer(), "rolled back") == ["Rollbacks", "Events of rollbacks"]
    guest = Client()
    guest.force_login(User.objects.create_user("guest", is_staff=True))
    assert _names(guest, "failed") == []


def test_a_list_is_not_found_by_the_name_of_what_it_lists_alone() -> None:
    assert "Held runs" not in _names(operator(), "runs")


def test_a_lifecycle_model_is_found_by_its_name_and_leads_to_its_ladder() -> None:
    LifecycleModel.objects.create(slug="cooking", label="Recipes of the house")
    client = viewer()
    for text in ("recipes", "cooking"):
        (hit,) = _search(client, text).context["hits"]
        assert (hit.kind, hit.address) == ("Model", f"{reverse('console:lifecycles')}#m-cooking")


def test_people_are_found_by_name_by_those_who_may_look_at_people() -> None:
    User.objects.create_user("ahopper", first_name="Anna", last_name="Hopper", is_staff=True)
    anybody = signed_in_superuser()
    for text in ("hopper anna", "ahop"):
        (hit,) = _search(anybody, text).context["hits"]
        assert (hit.kind, hit.name, hit.note) == ("Person", "ahopper", "Anna Hopper")
        assert anybody.get(hit.address).status_code == 200
    assert _names(viewer(), "hopper") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("steadi use", "Steady use"),
        ("helath", "Health"),
        ("notificatoins", "Notifications"),
        ("botnical", "Botanical"),
        ("cancled runs", "Cancelled runs"),
    ],
)
def test_a_typing_error_finds_what_is_nearly_called_so(text: str, name: str) -> None:
    add_rule(slug="steady-use", title="Steady use")
    page = _search(viewer(), text)
    assert name in [hit.name for hit in page.context["hits"]]
    assert f"Nothing is called “{text}”. Nearly so:" in page.text


def test_a_typing_error_in_a_title_is_forgiven_where_titles_have_an_index() -> None:
    make_sprout(title="notes/photosynthesis.md")
    make_sprout(title="notes/photography.md")
    found = ["notes/photosynthesis.md"] if has_title_index(connection) else []
    client = viewer()
    for text in ("photosynthsis", "photosyntehsis", "notes photosinthesis"):
        assert _names(client, text) == found


def test_what_is_found_exactly_is_not_mixed_with_what_is_nearly_called_so() -> None:
    add_rule(slug="oaks", title="Oaks grow")
    make_sprout(title="notes/oaken.md")
    assert _names(viewer(), "oaken") == ["notes/oaken.md"]


def test_nothing_found_says_so_and_what_can_be_searched() -> None:
    page = _search(viewer(), "birch").text
    assert "Nothing is called “birch”" in page
    assert "“held runs”" in page
    assert "a person’s name" not in page
    assert "a person’s name" in _search(signed_in_superuser(), "birch").text


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
