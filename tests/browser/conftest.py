"""A Chromium, a served grove, and people who are signed in.

The tests in here leave the database of the other tests alone and must not use the mark `django_db`: `grove`
is a database of its own, which this process's Django works on while they run.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, Playwright, StorageState, expect, sync_playwright
from pytest_playwright import CreateContextCallback

from advancement.management.commands.demo import PASSWORD
from tests.browser import chromium, server
from tests.browser.grove import PEOPLE, Grove, planted
from tests.browser.watch import Watch

WIDE, NARROW = 1280, 375
ZONE = "Europe/Berlin"
# For whatever a test waits for; nothing waits longer than it has to.
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)

Visit = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests on PostgreSQL only; so they need a browser only there."""
    if connection.vendor == "postgresql":
        return
    skip = pytest.mark.skip(reason="the browser tests run on PostgreSQL")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Start the system's Chromium instead of Playwright's own."""
    return chromium.launch_options()


# Of package scope, not of session scope: while Playwright runs, this thread counts as asynchronous, and
# Django would refuse to let the other tests near their database.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright, browser_type_launch_args: dict[str, Any]) -> Iterator[Browser]:
    launched = playwright.chromium.launch(**browser_type_launch_args)
    yield launched
    launched.close()


@pytest.fixture(scope="package")
def browser_context_args(served: str) -> dict[str, Any]:
    """Without motion: a colour on its way to another one is neither."""
    return {"base_url": served, "timezone_id": ZONE, "locale": "en-GB", "reduced_motion": "reduce"}


@pytest.fixture(scope="package")
def standing(playwright: Playwright, django_db_blocker: Any) -> Iterator[Grove]:
    """The grove for all tests, as it was made or as a test left it."""
    # This thread runs Playwright's loop, but uses its own connection one query at a time like any other.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with django_db_blocker.unblock(), planted() as grove:
            yield grove
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="package")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the processes write what they have to say."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="package")
def served(standing: Grove, logs: Path) -> Iterator[str]:
    """The address at which the grove is served."""
    with server.web(standing.url, logs / "web.log") as address:
        yield address


@pytest.fixture(scope="package")
def signed_in(
    browser: Browser, browser_context_args: dict[str, Any], standing: Grove
) -> dict[str, StorageState]:
    """What the browser keeps of each person, by name; their sessions are kept with the grove."""
    states = {}
    for name in PEOPLE:
        with browser.new_context(**browser_context_args) as context:
            page = context.new_page()
            page.goto("/")
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("heading", name="Dashboard").wait_for()
            states[name] = context.storage_state()
    standing.keep()
    return states


@pytest.fixture
def untouched(standing: Grove, signed_in: dict[str, StorageState]) -> Grove:
    """The grove as it was made, for tests that only look at it."""
    standing.restore()
    return standing


@pytest.fixture
def grove(untouched: Grove) -> Grove:
    """The grove as it was made, for tests that change it."""
    untouched.touched = True
    return untouched


@pytest.fixture
def working(grove: Grove, logs: Path) -> Iterator[None]:
    """The grove with a cluster that works on its runs."""
    with server.cluster(grove.url, logs / "cluster.log"):
        yield


@pytest.fixture
def watch() -> Watch:
    """What the browser complains about; a test fails on anything that it did not `expect`."""
    return Watch()


@pytest.fixture
def visit(
    new_context: CreateContextCallback,
    signed_in: dict[str, StorageState],
    untouched: Grove,
    watch: Watch,
) -> Iterator[Visit]:
    """Open an address in a browser of its own, as somebody of PEOPLE or, with None, as a stranger."""

    def open_address(
        address: str,
        who: str | None = "root",
        *,
        width: int = WIDE,
        theme: str = "light",
        script: bool = True,
    ) -> Page:
        context: Any = new_context(
            viewport={"width": width, "height": 800},
            color_scheme=theme,
            java_script_enabled=script,
            storage_state=signed_in[who] if who else None,
        )
        context.set_default_timeout(PATIENCE_MS)
        page: Page = watch.over(context).new_page()
        page.goto(address)
        return page

    yield open_address
    watch.assert_quiet()
