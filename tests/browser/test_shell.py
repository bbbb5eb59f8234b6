"""What is around every page: sign-in, navigation, theme, account."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.grove import PEOPLE


@pytest.mark.parametrize("who", PEOPLE)
def test_whoever_is_signed_in_sees_the_dashboard_in_local_time(who: str, visit: Visit) -> None:
    page = visit("/", who)
    expect(page.get_by_role("heading", name="Dashboard", level=1)).to_be_visible()
    expect(page.get_by_text("with UTC beside them").first).to_be_visible()
