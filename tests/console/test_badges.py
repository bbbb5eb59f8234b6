"""The TierBadge: what gardeners see of a sprout's tier, in the console and on other sites."""

import json
from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from django.test import Client

from advancement.badges import TierBadge, tier_badges
from advancement.models import AdvancementEvent, Run, Sprout, Tier
from advancement.models.runs import RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs.override import override_tier
from advancement.runs.start import start_rollback
from advancement.runs.work import work_on
from tests.factories import add_rule, finished_run, make_sprout

pytestmark = pytest.mark.django_db


def _badge(sprout: Sprout) -> TierBadge:
    sprout.refresh_from_db()
    return tier_badges([sprout])[sprout.pk]


def _advanced() -> tuple[Sprout, Run]:
    add_rule("retrievals >= 3", "citations >= 2")
    sprout = make_sprout(signals={"retrievals": 15, "citations": 5})
    return sprout, finished_run()


def _roll_back(**scope: int) -> Run:
    request = RollbackRequest(reason="a mistake", requested_by="operator", **scope)
    run = start_rollback(request, trigger=RunTrigger.COMMAND)
    return work_on(run.pk, run.lease_token)


def test_a_sprout_that_never_moved_is_in_its_original_tier() -> None:
    badge = _badge(make_sprout("tree"))
    assert (badge.label, badge.emoji, badge.reason) == ("Tree", "🌳", "Original tier")
    assert not badge.sparkles
    assert badge.advanced_at is None


def test_a_fresh_advancement_sparkles_and_says_what_counted() -> None:
    sprout, _ = _advanced()
    event = AdvancementEvent.objects.get()
    badge = _badge(sprout)
    assert badge.sparkles
    day = event.timestamp.strftime("%-d %b %Y")
    assert badge.reason == f"Advanced automatically on {day}, 15 retrievals, 5 citations"


def test_it_sparkles_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    sprout, _ = _advanced()
    then = AdvancementEvent.objects.get().timestamp
    for hours, sparkles in ((23.9, True), (24.1, False)):
        monkeypatch.setattr("django.utils.timezone.now", lambda h=hours: then + timedelta(hours=h))
        assert _badge(sprout).sparkles is sparkles


def test_a_tier_set_by_hand_says_so_and_not_by_whom() -> None:
    sprout = make_sprout()
    override_tier(sprout.pk, "tree", reason="A landmark.", by="anna", trigger=RunTrigger.COMMAND)
    badge = _badge(sprout)
    day = AdvancementEvent.objects.get().timestamp.strftime("%-d %b %Y")
    assert badge.reason == f"Set by hand on {day}"
    assert badge.explained == f"Set by hand on {day}: A landmark."
    assert "anna" not in badge.explained
    assert not badge.sparkles


def test_after_a_rollback_the_badge_says_what_stands_again_and_after_its_undo_what_is_restored() -> None:
    sprout, run = _advanced()
    rollback = _roll_back(run=run.pk)
    assert (_badge(sprout).tier, _badge(sprout).reason) == ("sprout", "Original tier")
    _roll_back(undoes=rollback.pk)
    assert _badge(sprout).tier == "sapling"
    assert _badge(sprout).reason.startswith("Restored on ")


def test_badges_of_many_sprouts_take_three_queries(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    sprouts = [make_sprout() for _ in range(20)]
    with django_assert_num_queries(3):
        tier_badges(sprouts)


def test_other_sites_show_it_without_signing_in_and_ask_again_cheaply(client: Client) -> None:
    sprout, _ = _advanced()
    picture = client.get(f"/badge/{sprout.pk}.svg")
    assert picture["Content-Type"].startswith("image/svg+xml")
    assert "Sapling" in picture.text
    assert "✨" in picture.text
    assert "max-age" in picture["Cache-Control"]
    again = client.get(f"/badge/{sprout.pk}.svg", headers={"If-None-Match": picture["ETag"]})
    assert again.status_code == 304
    fields = json.loads(client.get(f"/badge/{sprout.pk}.json").content)
    assert set(fields) == {"tier", "label", "emoji", "advanced_at", "sparkles", "reason"}
    assert fields["tier"] == "sapling"


def test_what_somebody_typed_is_for_people_who_are_signed_in(client: Client, django_user_model) -> None:  # type: ignore[no-untyped-def]
    overridden = make_sprout()
    override_tier(overridden.pk, "tree", reason="Secret one", by="anna", trigger=RunTrigger.COMMAND)
    restored, run = _advanced()
    rollback = _roll_back(run=run.pk)
    _roll_back(undoes=rollback.pk)
    for sprout, kind in ((overridden, "Set by hand on "), (restored, "Restored on ")):
        for suffix in ("svg", "json"):
            public = client.get(f"/badge/{sprout.pk}.{suffix}").content.decode()
            assert kind in public
            for private in ("Secret one", "a mistake", "anna", "operator"):
                assert private not in public
    client.force_login(django_user_model.objects.create_superuser("olga", password="x"))
    assert "Secret one" in client.get(f"/sprouts/{overridden.pk}/").text


def test_titles_and_reasons_cannot_break_out_of_the_picture(client: Client) -> None:
    sprout = make_sprout()
    override_tier(sprout.pk, "tree", reason="</title><script>x</script>", by="a", trigger=RunTrigger.COMMAND)
    assert "<script>" not in client.get(f"/badge/{sprout.pk}.svg").text


@pytest.mark.parametrize("label", ["Tree\x01\x0b\ufffe", "計" * 40, "Wide & <open>"])
def test_whatever_a_label_holds_the_picture_is_whole_and_the_text_within(label: str, client: Client) -> None:
    Tier.objects.filter(slug="sprout").update(label=label)
    sprout = make_sprout()
    picture = ElementTree.fromstring(client.get(f"/badge/{sprout.pk}.svg").content)
    text = next(one for one in picture.iter() if one.get("textLength"))
    assert int(text.get("x", 0)) + int(text.get("textLength", 0)) < int(picture.get("width", 0))
    assert len(label) * 6 < int(text.get("textLength", 0))


def test_an_unknown_sprout_has_no_badge_and_badges_can_be_switched_off(client: Client, settings) -> None:  # type: ignore[no-untyped-def]
    assert client.get(f"/badge/{uuid4()}.svg").status_code == 404
    sprout = make_sprout()
    assert client.get(f"/badge/{sprout.pk}.json").status_code == 200
    settings.BADGES = False
    assert client.get(f"/badge/{sprout.pk}.json").status_code == 404
    assert client.get(f"/badge/{sprout.pk}.svg").status_code == 404


@pytest.mark.parametrize("id", ["{}", "no-sprout", "<svg onload=alert(1)>"])
def test_where_there_is_no_sprout_the_picture_says_so(id: str, client: Client) -> None:
    wanted = id.format(uuid4())
    answer = client.get(f"/badge/{quote(wanted)}.svg")
    assert (answer.status_code, answer["Content-Type"]) == (404, "image/svg+xml; charset=utf-8")
    title = ElementTree.fromstring(answer.content).findtext("{http://www.w3.org/2000/svg}title")
    assert title == f"No badge. There is no sprout {wanted}."


def test_whoever_reads_json_is_answered_in_json_where_there_is_no_sprout(client: Client) -> None:
    answer = client.get(f"/badge/{uuid4()}.json")
    assert answer.status_code == 404
    assert "There is no sprout" in answer.json()["error"]
    assert answer["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("id", ["no-sprout", "{}", "12"])
def test_whatever_stands_for_an_id_json_is_answered_in_json(id: str, client: Client) -> None:
    answer = client.get(f"/badge/{id.format(uuid4())}x.json")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")


def test_an_id_in_large_letters_is_the_same_id(client: Client) -> None:
    sprout = make_sprout()
    for ending in ("json", "svg"):
        small, large = (client.get(f"/badge/{id}.{ending}") for id in (sprout.pk, str(sprout.pk).upper()))
        assert (large.status_code, large.content) == (200, small.content)


def test_after_an_undo_the_badge_names_the_time_that_the_sprout_page_names() -> None:
    sprout, run = _advanced()
    _roll_back(undoes=_roll_back(run=run.pk).pk)
    sprout.refresh_from_db()
    assert _badge(sprout).advanced_at == sprout.tier_updated_at
