"""The records in a browser: looked up, edited, and people given their roles."""

import re

from django.contrib.auth.models import User
from playwright.sync_api import expect

from advancement.models import Tier
from tests.browser.conftest import NARROW, Visit
from tests.browser.grove import Grove


def test_a_list_is_searched_filtered_sorted_and_turned(visit: Visit) -> None:
    page = visit("/admin/advancement/sprout/")
    expect(page.get_by_text("1,537 sprouts")).to_be_visible()
    page.get_by_role("searchbox").fill("docs/")
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator("summary", has_text="Tier:").click()
    page.get_by_role("link", name="sapling", exact=True).click()
    expect(page.locator("summary", has_text="Tier: sapling")).to_be_visible()
    rows = page.locator("#result_list tbody tr")
    first = rows.first.inner_text()
    page.get_by_role("link", name="Title").click()
    expect(page.get_by_role("columnheader", name="Title")).to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_role("searchbox")).to_have_value("docs/")
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page.get_by_text("Page 2 of")).to_be_visible()
    assert rows.first.inner_text() != first
    page.get_by_role("link", name="Clear all filters").click()
    expect(page.locator("summary", has_text="Tier: All")).to_be_visible()


def test_on_a_phone_the_rows_are_cards_and_filters_open_in_their_place(visit: Visit) -> None:
    page = visit("/admin/advancement/run/", width=NARROW)
    page.locator("summary", has_text="Status:").click()
    page.get_by_role("link", name="Held", exact=True).click()
    expect(page.locator("summary", has_text="Status: Held")).to_be_visible()
    card = page.locator("#result_list tbody tr")
    expect(card).to_have_count(1)
    assert "Moves planned" in card.evaluate("(e) => [...e.children].map((c) => c.dataset.label).join()")


def test_tiers_are_deleted_in_bulk_after_a_question(visit: Visit, grove: Grove) -> None:
    page = visit("/admin/advancement/tier/?lifecycle_model__slug__exact=academic", "approver")
    page.get_by_label("All rows of this page").check()
    page.get_by_role("button", name="Delete selected tiers…").click()
    expect(page.get_by_role("heading", name="Delete 3 tiers?")).to_be_visible()
    page.get_by_role("button", name="Delete them").click()
    expect(page.get_by_role("status").first).to_contain_text("Successfully deleted 3 tiers.")
    assert not Tier.objects.filter(lifecycle_model="academic").exists()


def test_a_person_is_added_with_a_role_in_one_form_and_can_sign_in(visit: Visit, grove: Grove) -> None:
    page = visit("/admin/")
    page.get_by_role("link", name="Add to Users").click()
    page.get_by_label("Username").fill("olga")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_label("Password confirmation").fill("short")
    page.get_by_label("Operator").check()
    page.get_by_role("button", name="Save", exact=True).click()
    error = page.get_by_text("This password is too short.", exact=False)
    expect(error.first).to_be_visible()
    expect(page.get_by_label("Password confirmation")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Password", exact=True).fill("a-long-enough-one")
    page.get_by_label("Password confirmation").fill("a-long-enough-one")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("olga")
    olga = User.objects.get(username="olga")
    assert (olga.is_staff, [group.name for group in olga.groups.all()]) == (True, ["Operator"])

    theirs = visit("/", None)
    theirs.get_by_label("Name").fill("olga")
    theirs.get_by_label("Password").fill("a-long-enough-one")
    theirs.get_by_role("button", name="Sign in").click()
    expect(theirs.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect(theirs.get_by_role("link", name=re.compile("^Runs"))).to_be_visible()


def test_a_password_is_changed_by_its_owner(visit: Visit, grove: Grove) -> None:
    page = visit("/admin/password_change/", "viewer")
    page.get_by_label("Old password").fill("grove-demo")
    page.get_by_label("New password", exact=True).fill("another-long-one")
    page.get_by_label("New password confirmation").fill("another-long-one")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("heading", name="Your password was changed")).to_be_visible()
    assert User.objects.get(username="viewer").check_password("another-long-one")
