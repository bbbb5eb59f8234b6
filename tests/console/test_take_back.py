"""Taking back what happened to one sprout last, from its page."""

import html
import re
import uuid
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from advancement.database.clock import database_now
from advancement.holds import set_hold
from advancement.ledger.verify import verify_ledger
from advancement.models import AdvancementEvent, AdvancementRule, Hold, Sprout
from advancement.models.runs import RunTrigger
from advancement.rollback.scope import RollbackRequest
from advancement.runs.override import override_tier
from advancement.runs.schedule import resume_abandoned
from advancement.runs.start import start_rollback
from advancement.runs.work import work_on
from tests.console.people import operator, viewer
from tests.console.runs_cast import words
from tests.factories import add_rule, finished_run, make_sprout

pytestmark = pytest.mark.django_db


def _follow(client: Client, page: str, words: str) -> str:
    """Return where a link of a page leads."""
    (address,) = re.findall(rf'<a class="btn" href="([^"]+)">(?:(?!</a>).)*{words}', page)
    return html.unescape(address)


def test_the_last_advancement_is_taken_back_by_a_rollback_of_this_sprout_alone() -> None:
    add_rule()
    one, other = (make_sprout(title=f"notes/{name}.md", signals={"citations": 5}) for name in ("oak", "elm"))
    finished_run()
    client = operator()
    page = client.get(reverse("console:sprout", args=[one.pk])).text
    address = _follow(client, page, "Take back the last advancement")
    scope = client.get(address)
    assert scope.context["counted"].standing == 1
    assert "Of “notes/oak.md” only" in scope.text
    asked = dict(parse_qsl(urlsplit(address).query))
    review = client.post(reverse("console:rollback"), asked, follow=True)
    assert review.context["form"].disable is False
    assert review.context["form"].hold is True
    run = review.context["run"]
    confirmed = {"do": "confirm", "digest": run.digest, "revision": run.review_revision}
    confirmed |= {"reason": "Too early", "hold": "on", "days": "14"}
    client.post(reverse("console:review_rollback", args=[run.pk]), confirmed)
    resume_abandoned()
    one.refresh_from_db()
    other.refresh_from_db()
    assert (one.tier, other.tier) == ("sprout", "sapling")
    assert AdvancementRule.objects.get().active_version.enabled
    page = client.get(reverse("console:sprout", args=[one.pk])).text
    assert "Take back the last advancement" not in page


def test_what_was_restored_is_taken_back_again() -> None:
    add_rule()
    sprout = make_sprout(signals={"citations": 5})
    run = finished_run()
    for request in ({"run": run.pk}, {"undoes": run.pk + 1}):
        back = start_rollback(
            RollbackRequest(reason="So", requested_by="anna", **request), trigger=RunTrigger.COMMAND
        )
        work_on(back.pk, back.lease_token)
    client = operator()
    page = client.get(reverse("console:sprout", args=[sprout.pk])).text
    scope = client.get(_follow(client, page, "Take back the last advancement"))
    assert scope.context["counted"].standing == 1


def test_an_override_is_undone_by_the_override_that_leads_back() -> None:
    sprout = make_sprout()
    set_hold(sprout.pk, reason="A colleague's", by="olga")
    override_tier(sprout.pk, "tree", reason="So be it", by="anna", trigger=RunTrigger.CONSOLE)
    client = operator()
    address = reverse("console:sprout", args=[sprout.pk])
    page = client.get(address).text
    undo = _follow(client, page, "Undo the override").removesuffix("#override")
    page = client.get(f"{address}{undo}")
    form = page.context["override_form"]
    asked = {name: form[name].value() for name in ("tier", "reason", "days", "undoes")}
    assert (asked["tier"], asked["days"]) == ("sprout", "none")
    said = words(page)
    assert "With it ends the hold that the override set: “ So be it ”." in said
    assert "1 other hold stays until released." in said
    asked["confirmed"] = page.context["demotion"].mark  # it says that this moves it down
    client.post(reverse("console:override_sprout", args=[sprout.pk]), asked)
    sprout.refresh_from_db()
    assert sprout.tier == "sprout"
    assert Hold.objects.in_force(database_now()).get().set_by == "olga"
    assert not [finding for check in verify_ledger().checks for finding in check.findings]


def test_a_form_that_undoes_an_override_which_does_not_stand_any_more_changes_nothing() -> None:
    sprout = make_sprout()
    override_tier(sprout.pk, "tree", reason="So be it", by="anna", trigger=RunTrigger.CONSOLE)
    event = AdvancementEvent.objects.get()
    override_tier(sprout.pk, "grove", reason="Further", by="anna", trigger=RunTrigger.CONSOLE, hold=False)
    asked = {"tier": "sapling", "reason": "Back", "days": "none", "undoes": event.pk}
    asked["confirmed"] = f"{Sprout.objects.get().revision}>sapling"
    page = operator().post(reverse("console:override_sprout", args=[sprout.pk]), asked)
    assert "The override does not stand any more; look again, then decide." in page.text
    assert Sprout.objects.get().tier == "grove"
    assert Hold.objects.in_force(database_now()).count() == 1


def test_what_says_to_undo_an_override_and_leads_elsewhere_is_refused() -> None:
    sprout = make_sprout()
    override_tier(sprout.pk, "sapling", reason="So be it", by="anna", trigger=RunTrigger.CONSOLE)
    asked = {"tier": "grove", "reason": "x", "days": "none", "undoes": AdvancementEvent.objects.get().pk}
    page = operator().post(reverse("console:override_sprout", args=[sprout.pk]), asked)
    assert "leads back to where it came from" in page.text
    assert Sprout.objects.get().tier == "sapling"
    assert Hold.objects.in_force(database_now()).count() == 1


def test_an_override_from_a_page_that_is_older_than_the_tier_is_refused() -> None:
    sprout = make_sprout()
    client, address = operator(), reverse("console:override_sprout", args=[sprout.pk])
    page = client.get(reverse("console:sprout", args=[sprout.pk])).text
    assert '<input type="hidden" name="seen" value="sprout">' in page
    override_tier(sprout.pk, "sapling", reason="So be it", by="anna", trigger=RunTrigger.CONSOLE, hold=False)
    asked = {"tier": "tree", "reason": "x", "days": "none", "seen": "sprout"}
    assert "meanwhile; look again, then decide." in client.post(address, asked).text
    assert client.post(address, asked | {"seen": "sapling"}).status_code == 302
    assert Sprout.objects.get().tier == "tree"


def test_who_may_only_look_is_not_offered_to_take_back() -> None:
    add_rule()
    sprout = make_sprout(signals={"citations": 5})
    finished_run()
    assert "Take back" not in viewer().get(reverse("console:sprout", args=[sprout.pk])).text


def test_a_scope_with_a_sprout_that_cannot_be_is_named() -> None:
    client = operator()
    page = client.get(reverse("console:rollback"), {"sprout": "x"})
    assert "is no id of a sprout" in page.text
    page = client.get(reverse("console:rollback"), {"sprout": str(uuid.uuid4())})
    assert "it may have been deleted" in page.text
