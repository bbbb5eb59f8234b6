"""Take the pictures of the documents: `make pictures` serves the sample grove and looks at it."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "grove_console.settings")
django.setup()

from playwright.sync_api import Page, sync_playwright  # noqa: E402 - Django comes first

from advancement.management.commands.demo import PASSWORD  # noqa: E402
from advancement.models import Run, RunLogLine, Sprout  # noqa: E402
from advancement.models.runs import RunKind, RunStatus  # noqa: E402
from tests.browser import chromium, server  # noqa: E402
from tests.browser.grove import planted  # noqa: E402

FOLDER: Final = Path(__file__).parents[1] / "docs" / "pictures"
SIZE: Final = {"width": 1180, "height": 680}
MOST_BYTES: Final = 150_000

PICTURES: Final[dict[str, Callable[[], str]]] = {
    "dashboard": lambda: "/",
    "rules": lambda: "/rules/",
    "rule-editor": lambda: "/rules/sapling-to-tree-proven/",
    "plan": lambda: f"/runs/{Run.objects.filter(dry_run=True, kind=RunKind.ADVANCEMENT).latest().pk}/plan/",
    "rollback": lambda: f"/rollback/{Run.objects.filter(kind=RunKind.ROLLBACK).latest().pk}/",
    "sprout": lambda: f"/sprouts/{Sprout.objects.filter(tier='sapling').order_by('title')[0].pk}/",
}


def main() -> None:
    """Take all of them; fail when one is too large to be looked at in passing."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as logs, planted() as grove, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium.launch_options())
        with server.web(grove.url, Path(logs) / "web.log") as address:
            _leave_out_accidents()
            page = browser.new_page(base_url=address, viewport=SIZE, reduced_motion="reduce")
            _sign_in(page)
            for name, find in PICTURES.items():
                _take(page, name, find())
        browser.close()


def _leave_out_accidents() -> None:
    """Drop the runs that failed or wait for a worker: a grove looks like that on a bad day only."""
    accidents = Run.objects.filter(status__in=[RunStatus.FAILED, RunStatus.PLANNING])
    RunLogLine.objects.filter(run__in=accidents).delete()
    accidents.delete()


def _sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Name").fill("root")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Dashboard").wait_for()


def _take(page: Page, name: str, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    size = path.stat().st_size
    print(f"{path.relative_to(Path.cwd())}: {size / 1000:.0f} kB")
    if size > MOST_BYTES:
        raise SystemExit(f"{path.name} has {size:,} bytes, more than {MOST_BYTES:,}.")


if __name__ == "__main__":
    main()
