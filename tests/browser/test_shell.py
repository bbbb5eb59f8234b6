"""What is around every page: sign-in, navigation, theme, account."""

import re

import pytest
from playwright.sync_api import Page, expect

from advancement.management.commands.demo import PASSWORD
from tests.browser.conftest import NARROW, Visit
from tests.browser.grove import PEOPLE, Grove
from tests.browser.watch import Watch


@pytest.mark.parametrize("who", PEOPLE)
def test_whoever_is_signed_in_sees_the_dashboard_in_local_time(who: str, visit: Visit) -> None:
    page = visit("/", who)
    expect(page.get_by_role("heading", name="Dashboard", level=1)).to_be_visible()
    expect(page.get_by_text("with UTC beside them").first).to_be_visible()


def test_a_stranger_signs_in_and_comes_to_the_page_that_was_asked_for(visit: Visit, grove: Grove) -> None:
    page = visit("/runs/?status=held", None)
    sign_in(page, "operator", "a wrong one")
    expect(page.get_by_role("alert")).to_contain_text("Please enter the correct username and password")
    sign_in(page, "operator", PASSWORD)
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
    assert page.url.endswith("/runs/?status=held")


@pytest.mark.parametrize("script", [True, False])
def test_on_a_phone_the_menu_leads_everywhere_and_out(script: bool, visit: Visit, grove: Grove) -> None:
    page = visit("/", "operator", width=NARROW, script=script)
    page.get_by_text("Menu", exact=True).locator("..").click()
    page.get_by_role("navigation", name="Console, small screen").get_by_role("link", name="Sprouts").click()
    expect(page.get_by_role("heading", name="Sprouts", level=1)).to_be_visible()
    page.get_by_text("Menu", exact=True).locator("..").click()
    page.locator(".topbar").get_by_text("Account menu").locator("..").click()
    page.locator(".topbar").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    page.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_theme_once_chosen_stays(visit: Visit) -> None:
    page = visit("/", theme="light")
    toggle = page.locator(".sidebar .theme-toggle")
    expect(toggle).to_have_text(re.compile("as the system"))
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    while "Theme: dark" not in toggle.inner_text():
        toggle.click()
    dark = page.evaluate(background)
    assert dark != light
    page.goto("/admin/")
    expect(page.locator(".sidebar .theme-toggle")).to_have_text(re.compile("Theme: dark"))
    assert page.evaluate(background) == dark


def test_the_first_stop_of_the_keyboard_skips_to_the_content(visit: Visit) -> None:
    page = visit("/runs/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_palette_is_used_with_the_keyboard_alone(visit: Visit) -> None:
    page = visit("/")
    box, hits = page.locator("#palette-q"), page.locator("#palette .hit")

    def search(text: str) -> None:
        """Type it, and wait for its own hits: those of its beginning may come first."""
        page.keyboard.press("Control+a")
        page.keyboard.type(text)
        expect(page.locator("#palette .hits")).to_have_attribute("data-query", text)

    page.keyboard.press("Control+k")
    search("run 2")
    expect(hits).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    page.keyboard.press("/")
    search("architecture")
    expect(hits.nth(1)).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(hits.first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(box).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(hits.last).to_be_focused()
    chosen = hits.last.locator(".hit-name").inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(chosen)
    page.keyboard.press("/")
    search("architecture_notes")
    expect(hits).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("ARCHITECTURE_NOTES.md")
    page.keyboard.press("/")
    search("architecture")
    expect(hits.nth(1)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Search", level=1)).to_be_visible()


def test_who_may_not_see_a_page_is_told_which_role_may(visit: Visit, watch: Watch) -> None:
    watch.expect("^403: GET ")
    page = visit("/rollback/", "viewer")
    expect(page.get_by_text("You may not roll back. The role Operator may")).to_be_visible()


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
