"""Runs beside each other on a store of 1,000: chosen from the list or typed in."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.views import opened
from tests.service import Service


def test_two_runs_are_chosen_from_the_list_and_compared(page: Page, filled: Service) -> None:
    opened(page, filled, "runs")
    expect(page.get_by_role("link", name="Choose two runs to compare")).to_be_visible()
    for end in ("-bad0", "-50d0"):
        page.get_by_role("row").filter(has_text=end).get_by_role("checkbox").check()
    page.get_by_role("link", name="Compare 2 runs").click()
    expect(page.get_by_text(re.compile(r"\d+ of \d+ comparisons, the largest effect first"))).to_be_visible()
    expect(page).to_have_url(re.compile(r"compare\?base=\S+-50d0&candidate=\S+-bad0"))


def test_runs_are_typed_in_and_the_difference_in_conditions_is_told(page: Page, filled: Service) -> None:
    case = filled.get("/v1/cases").json["cases"][0]["case"]
    oldest = filled.get(f"/v1/history?case={case}").json["points"][0]["run"]
    page.goto(f"{filled.url}/#/compare")
    form = page.get_by_role("form", name="What to compare")
    form.get_by_label("Base", exact=True).fill("release-0.1")
    form.get_by_label("Candidate", exact=True).fill(oldest)
    form.get_by_role("button", name="Compare", exact=True).click()
    differ = page.get_by_role("table", name="Conditions that differ")
    expect(differ).to_contain_text("power_mode")
    page.get_by_role("button", name="Compare all the same").click()
    expect(page.get_by_text("compared all the same")).to_be_visible()
    expect(page.get_by_role("table", name=re.compile("^Comparisons"))).to_be_visible()
