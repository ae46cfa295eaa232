"""The history of a case over 1,000 runs: told in numbers, zoomed, relative to a baseline, of another metric."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.drawings import drawn
from tests.browser.views import opened, settled
from tests.service import Service


def test_every_run_is_drawn_and_told_in_numbers_with_interval_and_n(page: Page, filled: Service) -> None:
    opened(page, filled, "history")
    chart = page.get_by_role("application", name=re.compile(r"over 1\d{3} runs"))
    expect(chart).to_be_visible()
    numbers = page.locator("section", has=page.get_by_role("heading", name="The same in numbers"))
    numbers.get_by_text(re.compile(r"^1\d{3} runs as a table$")).click()
    expect(numbers.locator("tbody tr").first).to_have_text(re.compile(r"tok/s.+ – .+10$"))


def test_the_last_runs_are_zoomed_to_and_the_address_holds_it(page: Page, filled: Service) -> None:
    opened(page, filled, "history")
    page.get_by_role("button", name="last 50").click()
    expect(page).to_have_url(re.compile(r"from=\d{8}-\d{6}-"))
    told = page.get_by_text("50 runs as a table")
    expect(told).to_be_visible()
    page.reload()
    expect(told).to_be_visible()
    page.get_by_role("button", name="all", exact=True).click()
    expect(page).not_to_have_url(re.compile("from="))


def test_values_are_shown_relative_to_a_baseline_and_another_metric_is_chosen(page: Page, filled: Service) -> None:
    opened(page, filled, "history")
    page.get_by_label("Values").select_option("relative to release-0.1")
    expect(page).to_have_url(re.compile(r"relative=release-0\.1"))
    settled(page, charts=1)
    expect(page.get_by_label("Values")).to_have_value("release-0.1")
    # also among runs of other conditions than the baseline's
    hashes = [option.get_attribute("value") for option in page.get_by_label("Conditions").locator("option").all()]
    assert len(hashes) > 2  # "all" is one of them
    for hash in reversed(hashes):
        page.get_by_label("Conditions").select_option(value=hash)
        settled(page, charts=1)
        assert drawn(page.locator(".chart"))["yAxis"][0]["name"] == "Decode relative to the baseline"
    page.get_by_label("Metric").select_option("TTFT")
    expect(page.get_by_role("application", name=re.compile("^TTFT of "))).to_be_visible()
    expect(page).to_have_url(re.compile("metric=ttft_s"))
