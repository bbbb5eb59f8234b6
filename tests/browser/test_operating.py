"""What operators do from the first click to the last, in a browser, with a real cluster at work."""

import re

import pytest
from playwright.sync_api import Page, expect

from advancement.ledger.verify import verify_ledger
from advancement.management.commands.demo import PASSWORD
from advancement.models import AdvancementEvent, Run, Sprout
from advancement.models.runs import RunKind, RunStatus
from tests.browser.conftest import Visit
from tests.browser.grove import Grove

TITLE = "Seeds that are cited a lot"
SLUG = "seed-to-sprout-cited-a-lot"


def _button(page: Page, name: str) -> None:
    page.get_by_role("button", name=re.compile(name)).first.click()


def _write_a_rule(page: Page) -> None:
    page.get_by_label("Title").fill(TITLE)
    page.get_by_label("Slug").fill(SLUG)
    page.get_by_label("Lifecycle model").select_option("botanical")
    page.get_by_label("From tier").select_option("seed")
    page.get_by_label("To tier").select_option("sprout")
    page.get_by_label("Signal").first.select_option("citations")
    page.get_by_label("Threshold").first.fill("6")


def test_a_rule_goes_from_the_first_letter_to_its_rollback_and_the_undo_of_that(
    visit: Visit, working: None, grove: Grove
) -> None:
    # An editor writes it and sees what it would do before it is saved.
    page = visit("/rules/new/", "editor")
    _write_a_rule(page)
    expect(page.get_by_text(re.compile(r"of \d+ would match"))).to_be_visible()
    _button(page, "Save draft version 1")
    page.wait_for_url(f"**/rules/{SLUG}/")

    # An approver activates it.
    page = visit(f"/rules/{SLUG}/activate/", "approver")
    _button(page, "^Activate")
    page.wait_for_url(f"**/rules/{SLUG}/")

    # An operator makes a dry run, leaves one sprout out, and applies the rest.
    page = visit("/runs/start/?from_tier=seed", "operator")
    page.get_by_role("button", name="Dry run", exact=True).click()
    page.get_by_role("link", name=re.compile("plan", re.IGNORECASE)).first.wait_for()
    run_id = int(re.search(r"/runs/(\d+)/", page.url)[1])  # type: ignore[index]
    page.goto(f"/runs/{run_id}/plan/")
    page.get_by_role("button", name=re.compile("^Leave out")).first.click()
    expect(page.get_by_role("button", name=re.compile("^Put back"))).to_be_visible()
    planned = Run.objects.get(pk=run_id).moves_planned
    page.get_by_role("button", name=f"Apply {planned - 1} moves").or_(
        page.get_by_role("link", name=f"Apply {planned - 1} moves")
    ).click()
    page.get_by_text(re.compile("Succeeded")).first.wait_for()
    assert AdvancementEvent.objects.filter(run_id=run_id).count() == planned - 1

    # It was a mistake: from the run's page to the rollback, in five clicks and a reason.
    page.goto(f"/runs/{run_id}/")
    clicks = 1
    page.get_by_role("link", name=re.compile("^Roll back")).first.click()
    clicks += 1
    _button(page, "^Review them")
    page.get_by_label(re.compile("^Reason")).fill("Six citations are not many.")
    clicks += 1
    _button(page, rf"^Roll back {planned - 1} sprouts")
    page.get_by_text(re.compile(r"rolled back", re.IGNORECASE)).first.wait_for()
    page.get_by_role("button", name=re.compile("^Undo")).or_(
        page.get_by_role("link", name=re.compile("^Undo"))
    ).first.wait_for()
    assert clicks <= 5
    rollback = Run.objects.filter(kind=RunKind.ROLLBACK).latest()
    assert AdvancementEvent.objects.filter(run_id=rollback.pk).count() == planned - 1

    # It was none: the undo.
    page.get_by_role("button", name=re.compile("^Undo")).or_(
        page.get_by_role("link", name=re.compile("^Undo"))
    ).first.click()
    page.get_by_label(re.compile("^Reason")).fill("It was right after all.")
    page.locator("main").get_by_role("button", name=re.compile("^(Undo|Move|Put|Restore|Roll)")).last.click()
    page.get_by_text(re.compile("Undone|undone|restored|moved", re.IGNORECASE)).first.wait_for()
    undo = Run.objects.get(undoes=rollback)
    expect(page.locator("main")).to_contain_text(str(undo.pk))
    page.wait_for_function("() => !document.querySelector('#wait')")
    assert AdvancementEvent.objects.filter(run_id=undo.pk).count() == planned - 1
    assert verify_ledger().found == 0


def test_a_held_run_is_approved_with_a_reason(visit: Visit, working: None, grove: Grove) -> None:
    held = Run.objects.filter(status=RunStatus.HELD).latest()
    page = visit(f"/runs/{held.pk}/", "approver")
    page.get_by_role("link", name=re.compile("^Approve")).first.click()
    page.get_by_label(re.compile("^Reason")).fill("Looked at: they have earned it.")
    _button(page, "^Approve")
    page.get_by_text(re.compile("Succeeded")).first.wait_for()
    held.refresh_from_db()
    assert held.status == RunStatus.SUCCEEDED
    assert held.decided_by == "approver"


def test_an_operator_cannot_approve_and_is_told_who_can(visit: Visit, grove: Grove) -> None:
    held = Run.objects.filter(status=RunStatus.HELD).latest()
    page = visit(f"/runs/{held.pk}/", "operator")
    expect(page.get_by_role("link", name=re.compile("^Approve"))).to_have_count(0)
    expect(page.get_by_text(re.compile("[Aa]pprover")).first).to_be_visible()


def test_it_works_without_script(visit: Visit, working: None, grove: Grove) -> None:
    page = visit("/rules/new/", "root", script=False)
    page.get_by_label("Title").fill(TITLE)
    page.get_by_label("Slug").fill(SLUG)
    page.get_by_label("Lifecycle model").select_option("botanical")
    _button(page, "Update choices")
    page.get_by_label("From tier").select_option("seed")
    _button(page, "Update choices")
    page.get_by_label("To tier").select_option("sprout")
    page.get_by_label("Signal").first.select_option("citations")
    page.get_by_label("Threshold").first.fill("6")
    _button(page, "Save draft version 1")
    page.wait_for_url(f"**/rules/{SLUG}/")
    page.goto(f"/rules/{SLUG}/activate/")
    _button(page, "^Activate")
    page.goto("/runs/start/?from_tier=seed")
    page.get_by_role("button", name="Dry run", exact=True).click()
    run_id = int(re.search(r"/runs/(\d+)/", page.url)[1])  # type: ignore[index]
    for _ in range(60):
        if Run.objects.get(pk=run_id).status == RunStatus.PLANNED:
            break
        page.wait_for_timeout(500)
    page.goto(f"/runs/{run_id}/plan/")
    planned = Run.objects.get(pk=run_id).moves_planned
    page.get_by_role("button", name=re.compile("^Leave out")).first.click()
    expect(page.get_by_role("button", name=re.compile("^Put back"))).to_be_visible()
    expect(page.get_by_text(f"Apply {planned - 1} moves").first).to_be_visible()


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
    page.keyboard.type("viewer")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
