"""Sprouts in the console: finding one, why it stays, what a person may do to it."""

from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from advancement.aggregation import refresh_signals
from advancement.holds import set_hold
from advancement.ladders import load_ladder
from advancement.models import Hold, Sprout
from tests.aggregation.conftest import make_event
from tests.console.markup import markup
from tests.console.people import operator, viewer
from tests.console.runs_cast import words
from tests.factories import CREATED, add_rule, finished_run, make_sprout

pytestmark = pytest.mark.django_db

SPROUTS = "console:sprouts"


def _page(client: Client, sprout: Sprout) -> Any:
    return client.get(reverse("console:sprout", args=[sprout.pk]))


def _post(client: Client, name: str, sprout: Sprout, **data: str) -> Any:
    return client.post(reverse(f"console:{name}", args=[sprout.pk]), data)


def test_sprouts_are_found_by_title_id_tier_and_hold() -> None:
    oak, elm = make_sprout("seed", title="notes/Oak.md"), make_sprout("tree", title="notes/elm.md")
    set_hold(elm.pk, reason="wait", by="anna")
    client = viewer()

    def found(**asked: str) -> list[Sprout]:
        return list(client.get(reverse(SPROUTS), asked).context["page"].rows)

    assert set(found()) == {oak, elm}
    assert found(q="oak") == [oak]
    assert found(q=str(elm.pk)) == [elm]
    assert found(tier="seed") == [oak]
    assert found(held="on") == [elm]
    assert "No sprout matches" in client.get(reverse(SPROUTS), {"q": "birch"}).text


def test_the_filter_offers_the_tiers_of_the_chosen_model_alone() -> None:
    load_ladder("academic")
    client = viewer()

    def offered(**asked: str) -> list[str]:
        return [slug for slug, _ in client.get(reverse(SPROUTS), asked).context["form"].tiers]

    assert offered(model="academic") == ["draft", "preprint", "under-review", "published", "canonical"]
    assert offered(model="academic", tier="draft") == offered(model="academic")
    assert {"draft", "seed"} < set(offered())


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"model": "academic", "tier": "seed"}, "The model Academic has no tier “seed”"),
        ({"tier": "shrub"}, "No model has a tier “shrub”"),
    ],
)
def test_a_tier_that_the_model_lacks_is_said_to_be_missing_and_stays_chosen(
    asked: dict[str, str], said: str
) -> None:
    load_ladder("academic")
    make_sprout("seed")
    page = viewer().get(reverse(SPROUTS), asked)
    assert said in unescape(markup(page.text))
    assert f'<option value="{asked["tier"]}" selected>' in page.text
    assert list(page.context["page"].rows) == []


@pytest.mark.parametrize(
    "asked", [{"model": "botanical", "tier": "seed"}, {"tier": "seed"}, {"model": "botanical"}, {}]
)
def test_a_tier_of_the_model_is_nothing_to_speak_of(asked: dict[str, str]) -> None:
    assert " has no tier " not in markup(viewer().get(reverse(SPROUTS), asked).text)


def test_a_gap_has_the_sign_that_near_misses_have() -> None:
    add_rule("citations >= 3", "views < 5")
    sprout = make_sprout(signals={"citations": 2, "views": 6})
    page = words(operator().get(reverse("console:sprout", args=(sprout.pk,))))
    assert "2 ≥ 3 −1 Not met" in page
    assert "+2 Not met" in page


def test_its_page_says_why_it_stays() -> None:
    add_rule("citations >= 3", "views > 2", title="Steady use")
    page = _page(viewer(), make_sprout(signals={"citations": 1, "views": 2})).text
    assert "Why it stays" in page
    assert "Steady use" in page
    assert "2 criteria away" in page


def test_a_hold_stands_at_the_top_of_its_page() -> None:
    add_rule()
    sprout = make_sprout(signals={"citations": 9})
    client = viewer()
    assert "It would advance with the next run" in _page(client, sprout).text
    set_hold(sprout.pk, reason="Under discussion", by="anna")
    page = _page(client, sprout).text
    assert "Under discussion" in page
    assert "Met, but on hold" in page


def test_its_timeline_begins_with_the_import_and_shows_moves_and_holds() -> None:
    add_rule()
    sprout = make_sprout(signals={"citations": 9})
    finished_run()
    set_hold(sprout.pk, reason="Enough for now", by="anna")
    page = _page(viewer(), sprout)
    kinds = [("event" if e.event else "hold" if e.hold else "created") for e in page.context["timeline"]]
    assert kinds == ["hold", "event", "created"]


def test_an_operator_overrides_a_tier_with_a_reason_and_a_hold() -> None:
    sprout, client = make_sprout(), operator()
    refused = _post(client, "override_sprout", sprout, tier="tree", days="30", reason="")
    assert refused.status_code == 422
    assert "Say why" in refused.text
    done = _post(client, "override_sprout", sprout, tier="tree", days="30", reason="A landmark")
    assert done.status_code == 302
    sprout.refresh_from_db()
    assert sprout.tier == "tree"
    assert Hold.objects.get().until is not None


def test_the_override_chooses_no_tier_by_itself_and_does_not_offer_the_present_one() -> None:
    sprout = make_sprout("sapling")
    client = operator()
    page = client.get(reverse("console:sprout", args=[sprout.pk])).text
    form = page[page.index('id="ov-tier"') : page.index("</select>", page.index('id="ov-tier"'))]
    assert '<option value="">Choose a tier…</option>' in form
    assert "required" in form
    assert "selected" not in form
    assert 'value="sapling"' not in form
    refused = _post(client, "override_sprout", sprout, tier="", days="30", reason="Because")
    assert "Choose the tier to move it to." in refused.text


def test_a_move_down_is_asked_about_before_it_is_made() -> None:
    sprout = make_sprout("sapling")
    client = operator()
    wanted = {"tier": "sprout", "days": "30", "reason": "Too early"}
    asked = _post(client, "override_sprout", sprout, **wanted)
    assert "This moves it down, from 🌿 Sapling to 🌱 Sprout" in words(asked)
    assert "Too early" in asked.text
    sprout.refresh_from_db()
    assert sprout.tier == "sapling"
    mark = f"{sprout.revision}>sprout"
    assert mark in unescape(asked.text)
    other = _post(client, "override_sprout", sprout, **wanted | {"tier": "seed"}, confirmed=mark)
    assert "from 🌿 Sapling to 🌰 Seed" in words(other)
    _post(client, "override_sprout", sprout, **wanted, confirmed=mark)
    sprout.refresh_from_db()
    assert sprout.tier == "sprout"
    _post(client, "override_sprout", sprout, **wanted | {"tier": "sapling"})
    again = _post(client, "override_sprout", sprout, **wanted, confirmed=mark)
    assert "This moves it down" in again.text, "what was confirmed once is asked again"


def test_a_sprout_that_moved_this_minute_is_there_since_just_now() -> None:
    sprout = make_sprout("sapling")
    client = operator()
    assert "here for" in words(client.get(reverse("console:sprout", args=(sprout.pk,))))
    _post(client, "override_sprout", sprout, tier="tree", days="none", reason="Ready")
    page = words(client.get(reverse("console:sprout", args=(sprout.pk,))))
    assert "here since just now" in page
    assert "0 seconds" not in page


def test_an_override_to_where_it_is_is_refused_in_place_and_nothing_typed_is_lost() -> None:
    sprout = make_sprout()
    page = _post(operator(), "override_sprout", sprout, tier="sprout", days="none", reason="Because")
    assert page.status_code == 422
    assert "Because" in page.text


def test_an_operator_sets_a_hold_and_releases_it() -> None:
    sprout, client = make_sprout(), operator()
    assert _post(client, "hold_sprout", sprout, reason="Wait", days="").status_code == 302
    assert Hold.objects.get().until is None
    assert _post(client, "release_sprout", sprout, reason="Go on").status_code == 302
    assert Hold.objects.get().released_by == "operator"


def test_one_of_two_holds_is_released_and_the_other_stays() -> None:
    sprout, client = make_sprout(), operator()
    mine = set_hold(sprout.pk, reason="Mine", by="operator")
    set_hold(sprout.pk, reason="A colleague's", by="olga")
    assert "All 2 holds" in _page(client, sprout).text
    page = client.post(
        reverse("console:release_sprout", args=[sprout.pk]), {"reason": "Go on", "hold": mine.pk}, follow=True
    )
    assert "1 hold ended; 1 hold keeps it where it is." in page.text
    assert "Hold released: “<bdi>Mine</bdi>”" in page.text
    assert Hold.objects.get(released_at=None).set_by == "olga"
    assert _post(client, "release_sprout", sprout, reason="Again", hold=mine.pk).status_code == 422


def test_the_hold_of_another_sprout_is_not_released() -> None:
    sprout, client = make_sprout(), operator()
    other = set_hold(make_sprout().pk, reason="Wait", by="olga")
    assert _post(client, "release_sprout", sprout, reason="Go on", hold=other.pk).status_code == 422
    assert Hold.objects.get().released_at is None


@pytest.mark.parametrize("action", ["override_sprout", "hold_sprout", "release_sprout"])
def test_a_viewer_may_do_none_of_it_and_is_not_offered_it(action: str) -> None:
    sprout, client = make_sprout(), viewer()
    assert _post(client, action, sprout, tier="tree", reason="x").status_code == 403
    assert reverse(f"console:{action}", args=[sprout.pk]) not in _page(client, sprout).text


def test_a_sprout_that_does_not_exist_is_named() -> None:
    missing = uuid4()
    page = viewer().get(reverse("console:sprout", args=[missing]))
    assert page.status_code == 404
    assert f"There is no sprout {missing}" in page.text


def test_a_sprout_of_a_tier_that_its_model_lacks_has_a_page() -> None:
    page = _page(viewer(), make_sprout("lost"))
    assert page.status_code == 200
    assert "does not exist in its lifecycle model" in page.text


def test_the_list_takes_few_queries(django_assert_max_num_queries: Any) -> None:
    for _ in range(60):
        make_sprout()
    client = viewer()
    with django_assert_max_num_queries(15):
        client.get(reverse(SPROUTS))


def test_its_page_says_whether_usage_waits_to_become_signals() -> None:
    client, sprout = viewer(), make_sprout()
    assert "no signals and no usage events" in _page(client, sprout).text
    make_event(sprout, CREATED)
    assert "Its usage events wait for the next" in _page(client, sprout).text
    refresh_signals()
    assert "wait for the next" not in _page(client, sprout).text


def test_a_title_as_long_as_a_document_is_cut_in_lists_and_whole_enough_in_the_tooltip() -> None:
    make_sprout(title="notes/" + "x" * 9_000)
    page = viewer().get(reverse("console:sprouts")).text
    assert 'title="notes/xxx' in page
    assert "x…" in page
    assert page.count("x" * 100) < 20
