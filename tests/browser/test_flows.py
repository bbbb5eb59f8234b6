"""From a rule in one's head to sprouts that moved, and back: what operators come for, with real clicks."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from playwright.sync_api import Locator, Page, expect

from advancement.models import AdvancementEvent, Run, SignalAggregation, Sprout
from advancement.models.runs import RunKind, RunStatus
from tests.browser.conftest import Visit
from tests.browser.grove import Grove
from tests.browser.hands import Hand, Keyboard, Pointer, PointerWithoutScript

TITLE = "Sprout to sapling: cited twice"


@pytest.fixture(params=[Pointer, Keyboard, PointerWithoutScript], ids=lambda hand: hand.__name__)
def hand(request: pytest.FixtureRequest, visit: Visit, working: None) -> Hand:
    """Somebody at the dashboard who may do everything, in each of the ways to use a page."""
    kind: type[Hand] = request.param
    return kind(visit("/", script=kind.script))


@pytest.fixture
def matches() -> int:
    """How many sprouts in tier sprout were cited twice, counted without the rules' own query."""
    rows = SignalAggregation.objects.filter(period="all_time", reference_count__gte=2, sprout__tier="sprout")
    return rows.count()


def tiers() -> Counter[str]:
    return Counter(Sprout.objects.values_list("tier", flat=True))


def test_a_rule_is_written_tried_out_applied_in_part_taken_back_and_put_back(
    hand: Hand, matches: int, grove: Grove
) -> None:
    page, before = hand.page, tiers()
    assert matches > 50

    # Write it; before it is saved, the page says what it would do.
    hand.press(hand.link("Advancement rules"))
    hand.press(hand.link("New rule"))
    hand.write(hand.field("Title"), TITLE)
    hand.choose(hand.field("Lifecycle model"), "Botanical")
    if not hand.script:
        hand.press(hand.button("Update choices"))
    hand.choose(hand.field("From tier"), "🌱 Sprout")
    if not hand.script:
        hand.press(hand.button("Update choices"))
    hand.choose(hand.field("To tier"), "🌿 Sapling")
    hand.choose(hand.field("Signal"), "Citations")
    hand.write(hand.field("Threshold"), "2")
    if not hand.script:
        hand.press(hand.button("Count now"))
    expect(page.locator("#count")).to_contain_text(f"{matches} of {before['sprout']} would match")

    # Save it as a draft, activate it.
    hand.press(hand.button("Save draft version 1"))
    expect(heading(page)).to_contain_text(TITLE)
    expect(page.get_by_text("Draft waiting")).to_be_visible()
    hand.press(hand.link("Activate version 1…"))
    hand.press(hand.button("Activate version 1"))
    expect(page.get_by_text("Version 1 is active: runs use it from now on.")).to_be_visible()

    # A dry run moves nobody; with script, its page leads on to the plan.
    hand.press(hand.link("Dry run…"))
    hand.press(hand.button("Dry run", exact=True))
    if not hand.script:
        hand.press(hand.link("Review the plan"))
    expect(bar(page)).to_contain_text(f"{matches} of {matches} moves will be applied")
    assert tiers() == before

    # Leave one out, apply the others.
    hand.press(page.get_by_role("button", name=re.compile("^Leave out ")).first)
    expect(bar(page)).to_contain_text(f"{matches - 1} of {matches} moves will be applied, 1 left out")
    hand.press(hand.button(f"Apply {matches - 1} moves"))
    expect(page.get_by_text(f"Succeeded: {matches - 1} advanced")).to_be_visible()
    assert tiers() - before == Counter(sapling=matches - 1)

    # Take all of it back; the box at the head is half ticked while some rows are not.
    hand.press(hand.link("Roll back this run"))
    hand.press(hand.button("Review them…"))
    if hand.script:
        head, row = page.locator("#all-rows"), page.locator("tbody input[name=row]").first
        for ticked in (False, True):
            row.set_checked(ticked)
            expect(
                page.get_by_text(f"{matches - 2 + ticked} of {matches - 1} sprouts chosen")
            ).to_be_visible()
            expect(head).to_have_js_property("indeterminate", not ticked)
            expect(head).to_be_checked(checked=ticked)
    hand.write(hand.field("Reason (required)"), "Two citations are too few.")
    hand.press(hand.button(f"Roll back {matches - 1} sprouts"))
    expect(page.get_by_text(f"{matches - 1} sprouts rolled back")).to_be_visible()
    assert tiers() == before

    # And put it back after all.
    hand.press(hand.button("Undo…"))
    hand.write(hand.field("Reason (required)"), "They were not.")
    hand.press(page.get_by_role("button", name=re.compile(rf"^Undo rollback \d+ for {matches - 1} sprouts$")))
    expect(
        page.get_by_text(re.compile(rf"{matches - 1}\s+sprouts\s+of\s+rollback\s+\d+\s+undone"))
    ).to_be_visible()
    assert tiers() - before == Counter(sapling=matches - 1)
    reasons = AdvancementEvent.objects.filter(run_id=Run.objects.latest().pk).values_list("reason", flat=True)
    assert set(reasons) == {"They were not."}
    call_command("verify_ledger")


@pytest.fixture(params=["approve", "discard"])
def decision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_held_run_waits_for_an_approver_who_decides_with_a_reason(
    decision: str, visit: Visit, working: None, grove: Grove
) -> None:
    held, before = Run.objects.get(status=RunStatus.HELD), tiers()
    address = f"/runs/{held.pk}/"

    page = visit(address, "operator")
    expect(page.get_by_text("An approver decides, with a reason.")).to_be_visible()
    expect(page.get_by_role("link", name="Approve…")).to_have_count(0)

    page = visit("/", "approver")
    page.get_by_role("link", name=re.compile("Runs.*1 held")).click()
    page.get_by_role("link", name="Decide…").first.click()
    if decision == "approve":
        page.get_by_role("link", name="Approve…").click()
        page.get_by_label("Reason").fill("These have earned it.")
        page.get_by_role("button", name=f"Approve {held.moves_planned} moves").click()
        expect(page.get_by_text(f"Succeeded: {held.moves_planned} advanced")).to_be_visible()
        assert tiers() - before == Counter(tree=held.moves_planned)
    else:
        page.get_by_role("link", name="Discard…").first.click()
        page.get_by_label("Reason").fill("Too many at once.")
        page.get_by_role("button", name=f"Discard run {held.pk}").click()
        expect(page.get_by_text("Discarded by approver. Nothing moved.")).to_be_visible()
        assert tiers() == before
    held.refresh_from_db()
    assert held.decided_by == "approver"


def test_from_a_rule_s_page_a_rollback_is_confirmed_within_five_clicks(
    visit: Visit, working: None, grove: Grove
) -> None:
    page = visit("/rules/sprout-to-sapling-basic/")
    clicks = 0
    for control in clicks_of_a_rollback(page):
        control.click()
        clicks += 1
    expect(page.get_by_text(re.compile(r"^\s*\d+\s+sprouts\s+rolled\s+back"))).to_be_visible()
    assert clicks <= 5
    assert Run.objects.latest().kind == RunKind.ROLLBACK


def clicks_of_a_rollback(page: Page) -> Iterator[Locator]:
    yield page.get_by_role("link", name="Roll back…")
    yield page.get_by_role("button", name="Review them…")
    page.get_by_label("Reason (required)").fill("A mistake.")
    yield page.get_by_role("button", name=re.compile(r"^Roll back \d+ sprouts$"))


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def bar(page: Page) -> Locator:
    return page.get_by_role("region", name="Decide")
