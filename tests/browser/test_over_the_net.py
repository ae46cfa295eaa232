"""The page as another machine sees it: over plain HTTP by a name, which a browser trusts less than the loopback."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NET_NAME
from tests.browser.views import CHARTS, NAMES, addresses, settled
from tests.service import Service


def there(filled: Service, name: str) -> str:
    """The address of a view by the machine's name."""
    return addresses(filled)[name].replace("127.0.0.1", NET_NAME)


@pytest.mark.parametrize("name", NAMES)
def test_a_view_is_whole_and_the_console_stays_silent(page: Page, filled: Service, name: str) -> None:
    page.goto(there(filled, name))
    settled(page, CHARTS.get(name, 0))
    assert page.evaluate("() => isSecureContext") is False
    expect(page.locator("#state")).to_have_text("ready")


@pytest.mark.parametrize("name", ["history", "compare", "run"])
def test_what_may_not_be_copied_there_is_shown_to_be_copied_by_hand(page: Page, filled: Service, name: str) -> None:
    page.goto(there(filled, name))
    settled(page, CHARTS.get(name, 0))
    page.get_by_role("button", name="Copy as Markdown").click()
    told = page.get_by_role("dialog", name="Copy as Markdown").get_by_role("textbox")
    expect(told).to_be_focused()
    assert told.input_value().count("\n| ") > 3
    page.keyboard.press("Escape")
    expect(told).to_have_count(0)
