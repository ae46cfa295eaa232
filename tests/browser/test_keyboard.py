"""The main ways through the page with the keyboard alone; what has the focus is always seen."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.drawings import drawn
from tests.browser.views import addresses, at_rest, opened, settled
from tests.service import Service

MOST_STEPS = 120
OUTLINED = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
}"""


def go_to(page: Page, wanted: Locator) -> None:
    """Presses Tab until `wanted` has the focus; each step on the way must be seen."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            continue
        assert page.evaluate(OUTLINED), page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if wanted.evaluate("(one) => one === document.activeElement"):
            return
    raise AssertionError(f"not reached by {MOST_STEPS} times Tab: {wanted}")


def test_the_first_tab_skips_to_the_content_and_the_views_are_next(page: Page, filled: Service) -> None:
    opened(page, filled, "overview")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.reload()
    go_to(page, page.get_by_role("navigation").get_by_role("link", name="Models"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Models")).to_be_visible()
    expect(page.get_by_role("link", name="Models")).to_have_attribute("aria-current", "page")


def test_a_history_is_walked_with_arrows_and_a_run_opened_with_enter(page: Page, filled: Service) -> None:
    opened(page, filled, "history")
    go_to(page, page.get_by_role("application"))
    said = page.get_by_text("Enter opens it.")
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text("tok/s")
    before = said.inner_text()
    page.keyboard.press("Home")
    expect(said).not_to_have_text(before)
    run = re.search(r"run (\S+)\. Enter", said.inner_text())
    assert run is not None
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#/run/{run[1]}"))


def test_two_runs_are_chosen_and_compared(page: Page, filled: Service) -> None:
    opened(page, filled, "runs")
    for end in ("-bad0", "-50d0"):
        go_to(page, page.get_by_role("row").filter(has_text=end).get_by_role("checkbox"))
        page.keyboard.press("Space")
    compare = page.get_by_role("link", name="Compare 2 runs")
    expect(compare).to_be_visible()
    for _ in range(MOST_STEPS):
        if compare.evaluate("(one) => one === document.activeElement"):
            break
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile(r"comparisons, the largest effect first"))).to_be_visible()


def test_a_round_of_a_run_is_chosen(page: Page, filled: Service) -> None:
    opened(page, filled, "run")
    go_to(page, page.get_by_text(re.compile(r"rounds as a table")))
    page.keyboard.press("Enter")
    go_to(page, page.get_by_role("button", name="round 3", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The board under the tokens of round 3")).to_be_visible()
    expect(page).to_have_url(re.compile("round=measure-3"))


def test_the_cursor_goes_along_a_timeline_and_says_what_is_there(page: Page, filled: Service) -> None:
    page.goto(f"{addresses(filled)['run']}?case=ca5e000000000001")
    settled(page, charts=2)
    chart = page.get_by_role("region", name="Timeline").get_by_role("application")
    go_to(page, chart)
    said = page.get_by_role("region", name="Timeline").locator("p[aria-live]")
    page.keyboard.press("End")
    expect(said).to_contain_text(re.compile(r"^\d[\d.]* s, 128 of 128 tokens, VDD_IN \d[\d.]* W, .*tj \d[\d.]* °C"))
    page.keyboard.press("Home")
    expect(said).to_contain_text(re.compile(r"^\d[\d.]* s, 0 of 128 tokens"))
    page.keyboard.press("ArrowRight")
    assert len({axis["axisPointer"]["value"] for axis in drawn(chart)["xAxis"]}) == 1
    page.get_by_role("button", name="the whole run").click()
    chart.focus()
    for _ in range(41):  # and half a minute was not read
        page.keyboard.press("ArrowRight")
        if "nothing was read" in said.inner_text():
            break
        page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("nothing was read")


def test_a_model_is_loaded_asked_and_unloaded(page: Page, live: Service) -> None:
    at_rest(live)
    page.goto(f"{live.url}/#/models")
    settled(page)
    go_to(page, page.get_by_label("Model to ask"))
    page.keyboard.type("pythia")
    expect(page.get_by_label("Model to ask")).to_have_value("pythia-70m")
    go_to(page, page.get_by_label("Tokens at most"))
    page.keyboard.press("Control+A")
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    expect(page.locator("dl.figures")).to_contain_text("TTFT")
    expect(page.get_by_role("button", name="Ask")).to_be_focused()
    go_to(page, page.get_by_role("button", name="Unload pythia-70m"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Load pythia-70m")).to_be_enabled()
    go_to(page, page.get_by_role("button", name="Load pythia-70m"))
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Unload pythia-70m")).to_be_enabled()


def test_a_benchmark_is_chosen_started_and_cancelled(page: Page, live: Service) -> None:
    at_rest(live)
    page.goto(f"{live.url}/#/benchmark?models=pythia-70m&suites=first_token")
    settled(page)
    form = page.get_by_role("form", name="Start a benchmark")
    go_to(page, form.get_by_role("checkbox", name=re.compile("^decode ")))
    page.keyboard.press("Space")
    go_to(page, form.get_by_label("Rounds a case"))
    page.keyboard.type("5000")
    page.keyboard.press("Enter")
    now = page.get_by_role("region", name="Live")
    go_to(page, now.get_by_role("button", name="Cancel the run"))
    page.keyboard.press("Enter")
    expect(page.locator("main h1 + p [data-status=cancelled]")).to_be_visible()
