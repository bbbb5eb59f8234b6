"""Every page, light and dark, wide and narrow: axe-core finds nothing, no sideways scroll, nothing tiny."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.conftest import NARROW, WIDE, Visit
from tests.browser.hands import SETTLED
from tests.browser.pages import EXCUSED, PLACES, Place, addresses, of_facts_alone
from tests.browser.watch import Watch

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Without preloading stylesheets, which axe-core does by styles of its own that the policy refuses.
OPTIONS = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"], "preload": False}

# Controls below 24 × 24 px. Links in running text are as high as their line, and axe-core's rule target-size
# looks at the room around them; a box to tick may be as large as its label or cell.
TINY = """
() => [...document.querySelectorAll("button, input, select, textarea, summary, [role=button], .btn, nav a")]
  .filter((e) => e.type !== "hidden" && e.ariaHidden !== "true")
  .filter((e) => e.checkVisibility({visibilityProperty: true}))
  .map((e) => {
    const boxes = [e, ...(e.labels || []), e.closest(".check-cell")];
    const sizes = boxes.filter(Boolean).map((b) => b.getBoundingClientRect());
    return [e, Math.max(...sizes.map((s) => s.width)), Math.max(...sizes.map((s) => s.height))];
  })
  .filter(([e, width, height]) => width < 23.9 || height < 23.9)
  .map(([e, width, height]) => `${width.toFixed(1)} × ${height.toFixed(1)}: ${e.outerHTML.slice(0, 150)}`)
"""
# Parts that load after the page, and look paler until they are there.
LOADS_MORE = "[hx-trigger*=load]"
# Tables whose rows become cards where there is no room for columns.
CUT_OFF = """
() => [...document.querySelectorAll(".table-wrap:has(> .table-cards)")]
  .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
  .map((e) => `${e.ariaLabel}: ${e.scrollWidth} px in ${e.clientWidth} px`)
"""
WIDTH = "() => [document.documentElement.scrollWidth, window.innerWidth]"


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_page_is_accessible_in_both_themes_at_both_widths(place: Place, visit: Visit, watch: Watch) -> None:
    if place.status >= 400:
        watch.expect(f"^{place.status}: GET ")
    page = visit(place.find(), place.who)
    if page.locator(LOADS_MORE).count():
        page.wait_for_load_state("networkidle")
        page.wait_for_function(SETTLED)
    page.evaluate(AXE_SCRIPT)
    found: dict[str, list[str]] = {}
    for width, theme in _appearances(page):
        for fault in _faults(page):
            found.setdefault(fault, []).append(f"{theme} {width} px")
    assert not found, "\n".join(f"{fault} [{', '.join(where)}]" for fault, where in found.items())


def test_every_address_is_looked_at_or_excused() -> None:
    looked_at = {place.name for place in PLACES}
    there = addresses()
    assert sorted(there - looked_at - EXCUSED.keys() - of_facts_alone()) == []
    assert sorted((looked_at | EXCUSED.keys()) - there) == []


def _appearances(page: Page) -> Iterator[tuple[int, str]]:
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 800})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            yield width, theme


def _faults(page: Page) -> Iterator[str]:
    answer: dict[str, Any] = page.evaluate("(options) => axe.run(options)", OPTIONS)
    for rule in answer["violations"]:
        for node in rule["nodes"]:
            why = " ".join(check["message"] for check in node["any"] + node["all"] + node["none"])
            yield f"{rule['id']}: {node['html'][:200]}\n    {why}"
    wide, room = page.evaluate(WIDTH)
    if wide > room:
        yield f"the page is {wide} px wide and scrolls sideways"
    if room == NARROW:
        for table in page.evaluate(CUT_OFF):
            yield f"a row is cut off: {table}"
    for target in page.evaluate(TINY):
        yield f"a target is too small: {target}"
