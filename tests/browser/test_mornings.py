"""What happened last night, why, and is everything well: the morning of an operator, with real clicks."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from advancement.models import AdvancementEvent, LifecycleModel, Sprout
from tests.browser.conftest import Visit
from tests.browser.grove import Grove
from tests.database.rows import event_values, insert

RULE = "sprout-to-sapling-basic"
NEW = "7d0c0000-0000-4000-8000-00000000000a"
GOOD_ROW = f"{NEW},notes/brought-in.md,botanical,seed,2026-01-01T00:00:00Z"
HEADER = "id,title,lifecycle_model,tier,created_at"


def test_a_spike_is_rolled_back_from_the_dashboard_within_five_clicks(
    visit: Visit, working: None, grove: Grove
) -> None:
    long_ago = timezone.now() - timedelta(days=20)
    insert(event_values(sprout_id=uuid4(), rule_id=RULE, timestamp=long_ago))
    page = visit("/", "operator")
    clicks = 0
    for control in clicks_of_a_morning(page):
        control.click()
        clicks += 1
    expect(page.get_by_text(re.compile(r"^\s*\d+\s+sprouts\s+rolled\s+back"))).to_be_visible()
    assert clicks <= 5
    last_night = AdvancementEvent.objects.filter(rule_id=RULE, timestamp__gt=long_ago, reverses=None)
    assert AdvancementEvent.objects.filter(reverses__in=last_night).count() == last_night.count() > 10
    page = visit("/", "operator")
    expect(page.get_by_role("link", name=re.compile("^Review rollback"))).to_have_count(0)


def clicks_of_a_morning(page: Page) -> Iterator[Locator]:
    banner = page.get_by_role("region").filter(has_text="Its usual night is 0.").first
    yield banner.get_by_role("link", name=re.compile(r"^Review rollback of \d+"))
    yield page.get_by_role("button", name="Review them…")
    page.get_by_label("Reason (required)").fill("Far more than usual.")
    yield page.get_by_role("button", name=re.compile(r"^Roll back \d+ sprouts$"))


def test_a_gardener_s_question_is_answered_and_acted_upon(visit: Visit, grove: Grove) -> None:
    sprout = Sprout.objects.filter(tier="seed", holds=None, revision=0).order_by("title")[5]
    page = visit("/", "operator")
    page.keyboard.press("/")
    page.keyboard.type(sprout.title)
    page.get_by_role("dialog").get_by_text(sprout.title).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(sprout.title)
    expect(page.get_by_role("heading", name="Why it stays")).to_be_visible()
    expect(page.get_by_text("Original tier").first).to_be_visible()

    hold = page.get_by_role("region", name="Hold", exact=True)
    hold.get_by_label("Reason (required)").fill("Its author is on leave.")
    hold.get_by_role("button", name="Hold it").click()
    expect(page.get_by_text("Its author is on leave.").first).to_be_visible()
    holds = page.get_by_role("region", name="Holds", exact=True)
    holds.get_by_label("Reason (required)").fill("Back again.")
    holds.get_by_role("button", name="Release the hold").click()

    override = page.get_by_role("region", name="Override", exact=True)
    override.get_by_label("Move to").select_option("sapling")
    override.get_by_label("Reason (required)").fill("The maintainers vouch for it.")
    override.get_by_role("button", name="Override tier").click()
    expect(page.get_by_text("The maintainers vouch for it.").first).to_be_visible()
    sprout.refresh_from_db()
    assert sprout.tier == "sapling"
    assert page.context.request.get(f"/badge/{sprout.pk}.json").json()["tier"] == "sapling"


def test_an_event_tells_what_counted_and_leads_to_its_run_rule_and_sprout(visit: Visit) -> None:
    event = AdvancementEvent.objects.filter(event_type="auto-advancement", rule_id=RULE).latest("pk")
    page = visit("/events/", "viewer")
    page.get_by_label("Rule", exact=True).select_option(RULE)
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(f"rule={RULE}"))
    page.locator(f"a[href='/events/{event.pk}/']").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(event.sprout_title)
    main = page.get_by_role("main")
    for address in (f"/runs/{event.run_id}/", f"/rules/{RULE}/", f"/sprouts/{event.sprout_id}/"):
        expect(main.locator(f"a[href='{address}']").first).to_be_visible()


def test_a_file_is_refused_by_its_lines_then_mended_checked_and_imported(
    visit: Visit, working: None, grove: Grove, tmp_path: Path
) -> None:
    page = visit("/import/", "operator")
    upload(page, tmp_path / "bad.csv", [HEADER, GOOD_ROW, GOOD_ROW.replace("botanical", "astral")])
    expect(page.get_by_text("astral").first).to_be_visible()
    expect(page.get_by_text(re.compile(r"[Ll]ine 3")).first).to_be_visible()
    assert not Sprout.objects.filter(pk=NEW).exists()

    page.goto("/import/")
    upload(page, tmp_path / "good.csv", [HEADER, GOOD_ROW])
    page.get_by_role("button", name=re.compile("^Import")).click()
    expect(page.locator(".banner-title", has_text=re.compile(r"^\s*Imported"))).to_be_visible()
    assert Sprout.objects.get(pk=NEW).title == "notes/brought-in.md"


def upload(page: Page, file: Path, lines: list[str]) -> None:
    file.write_text("\n".join(lines) + "\n")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Check it").click()


def test_a_ladder_is_loaded_and_archived(visit: Visit, grove: Grove) -> None:
    page = visit("/lifecycles/", "approver")
    page.get_by_role("button", name=re.compile("^Load")).first.click()
    expect(page.get_by_text("sprouts may be imported into it")).to_be_visible()
    loaded = LifecycleModel.objects.exclude(slug__in=["botanical", "academic"]).get()
    page.get_by_role("link", name=f"Archive… {loaded.label}").click()
    page.get_by_role("button", name="Archive the model").click()
    expect(page.get_by_text("no new sprouts come in")).to_be_visible()
    loaded.refresh_from_db()
    assert loaded.archived_at is not None


def test_health_checks_the_ledger_on_request(visit: Visit, grove: Grove) -> None:
    page = visit("/health/", "operator")
    page.get_by_role("button", name="Check the ledger now").click()
    expect(page.get_by_text("The ledger is whole")).to_be_visible()
