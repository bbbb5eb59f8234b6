"""The ways in which people use a page: with a pointer, with the keyboard alone, without JavaScript."""

from abc import ABC, abstractmethod

from playwright.sync_api import Locator, Page, expect

# No page has as many stops as this between two things that one does.
_MOST_STOPS = 250
# Nothing is about to come in place of what is there.
SETTLED = "() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')"
# A ring of at least 2 px in a colour that is there.
_RING = """
(e) => {
  const ringed = (one) => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  };
  return ringed(e) || [...(e.labels || [])].some(ringed);
}
"""


class Hand(ABC):
    """Uses controls of a page; each is found by what it is called."""

    script = True

    def __init__(self, page: Page) -> None:
        self.page = page

    @abstractmethod
    def press(self, control: Locator) -> None:
        """Follow a link or press a button."""

    @abstractmethod
    def write(self, control: Locator, text: str) -> None:
        """Fill a field in."""

    @abstractmethod
    def choose(self, control: Locator, label: str) -> None:
        """Choose an option."""

    def button(self, name: str, **which: bool) -> Locator:
        """Return the button of that name."""
        return self.page.get_by_role("button", name=name, **which).first

    def link(self, name: str, **which: bool) -> Locator:
        """Return the link of that name."""
        return self.page.get_by_role("link", name=name, **which).first

    def field(self, label: str) -> Locator:
        """Return the field with that label."""
        return self.page.get_by_label(label, exact=True).first


class Pointer(Hand):
    """Clicks and types."""

    def press(self, control: Locator) -> None:
        control.click()

    def write(self, control: Locator, text: str) -> None:
        control.fill(text)

    def choose(self, control: Locator, label: str) -> None:
        control.select_option(label=label)


class PointerWithoutScript(Pointer):
    """Clicks and types where no script runs."""

    script = False


class Keyboard(Hand):
    """Comes to a control by Tab, sees that it is there, and uses it with keys."""

    def press(self, control: Locator) -> None:
        self._reach(control)
        self.page.keyboard.press("Enter")

    def write(self, control: Locator, text: str) -> None:
        self._reach(control)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def choose(self, control: Locator, label: str) -> None:
        self._reach(control)
        labels = [text.strip() for text in control.locator("option").all_inner_texts()]
        wanted = labels.index(label)
        now = labels.index(control.locator("option:checked").inner_text().strip())
        step = 1 if wanted > now else -1
        for index in range(now + step, wanted + step, step):
            self.page.keyboard.press("ArrowDown" if step == 1 else "ArrowUp")
            # What is chosen may bring other choices, which come in place of these; the focus stays.
            expect(control.locator("option:checked")).to_have_text(labels[index])
            expect(control).to_be_focused()

    def _reach(self, control: Locator) -> None:
        expect(control).to_be_visible()
        self.page.wait_for_function(SETTLED)
        for _ in range(_MOST_STOPS):
            if control.evaluate("(e) => e === document.activeElement"):
                break
            self.page.keyboard.press("Tab")
        expect(control).to_be_focused()
        assert control.evaluate(_RING), f"{control} has the focus, and nobody can see it"
        assert control.evaluate(_UNCOVERED), f"{control} has the focus behind something else"


# What is sticky must not lie over what has the focus (WCAG 2.4.11).
_UNCOVERED = """
(e) => {
  const box = e.getBoundingClientRect();
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  const own = [e, ...(e.labels || [])];
  return top !== null && (top.contains(e) || own.some((one) => one.contains(top)));
}
"""
