"""How people find their way: keys, search, sign-in, and what is said to those who may not."""

import re

import pytest
from playwright.sync_api import expect

from advancement.management.commands.demo import PASSWORD
from advancement.models import Run, Sprout
from advancement.models.runs import RunStatus
from tests.browser.conftest import Visit
from tests.browser.grove import Grove


def test_an_operator_cannot_approve_and_is_told_who_can(visit: Visit, grove: Grove) -> None:
    held = Run.objects.filter(status=RunStatus.HELD).latest()
    page = visit(f"/runs/{held.pk}/", "operator")
    expect(page.get_by_role("link", name=re.compile("^Approve"))).to_have_count(0)
    expect(page.get_by_text(re.compile("[Aa]pprover")).first).to_be_visible()


@pytest.mark.parametrize("key", ["d", "a", "r", "e", "s", "l", "h"])
def test_keys_lead_to_every_place(visit: Visit, key: str) -> None:
    page = visit("/search/")
    page.keyboard.press("g")
    page.keyboard.press(key)
    page.wait_for_url(lambda url: "/search/" not in url)
    expect(page.locator(f'.sidebar .nav a[data-key="{key}"]')).to_have_attribute("aria-current", "page")


def test_everything_is_found_from_the_keyboard_alone(visit: Visit) -> None:
    sprout = Sprout.objects.filter(tier="sapling").order_by("title")[0]
    page = visit("/")
    page.keyboard.press("/")
    page.keyboard.type(str(sprout.pk))
    page.get_by_role("dialog").get_by_role("link", name=re.compile("Sprout")).first.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/sprouts/{sprout.pk}/")


def test_signing_in_from_a_link_leads_there(visit: Visit) -> None:
    page = visit("/runs/", None)
    # The browser gives the focus away when it first draws the page, which may come after it is loaded.
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("viewer")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()


def test_the_address_of_a_filtered_list_holds_what_was_asked_for_alone(visit: Visit) -> None:
    page = visit("/events/")
    page.get_by_label("Type").select_option("manual-override")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url(lambda url: "?" in url)
    assert page.url.endswith("/events/?type=manual-override")
