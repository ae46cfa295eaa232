"""The overview on a store of 1,000 runs: the board, every case beside its baseline, what a person narrows it to."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.views import opened
from tests.service import Service


def test_the_board_tells_temperature_power_memory_ollama_and_what_is_measured(page: Page, filled: Service) -> None:
    opened(page, filled, "overview")
    tiles = page.get_by_role("region", name="The board now")
    for told in (
        re.compile(r"Temperature49\.6 °C"),
        re.compile(r"Power5\.03 WVDD_IN · mode 25W"),
        re.compile(r"Memory1\.91 GiBof 7\.43 GiB in use"),
        re.compile(r"Ollama0\.11\.4"),
        re.compile(r"Measuringnothing"),
    ):
        expect(tiles).to_contain_text(told)


def test_what_is_hottest_and_the_power_are_the_service_s_to_say(page: Page, filled: Service) -> None:
    values = {"temperature_celsius.PMIC": 100.0, "temperature_celsius.A0": 47.5, "power_w.VDD_SYS": 1.0}
    told = {"at": None, "run": None, "sources": ["tegrastats"], "values": values, "replayed": False}
    said = {"hottest_celsius": 47.5, "hottest": "A0", "power_w": 6.25, "power_rail": "POM_5V_IN"}
    page.route("**/v1/telemetry/latest", lambda route: route.fulfill(json={**told, **said}))
    opened(page, filled, "overview")
    tiles = page.get_by_role("region", name="The board now")
    expect(tiles).to_contain_text("Temperature47.5 °Chottest: A0")
    expect(tiles).to_contain_text("Power6.25 WPOM_5V_IN")


def test_a_case_has_value_interval_number_change_verdict_and_sparkline_the_worst_first(
    page: Page, filled: Service
) -> None:
    opened(page, filled, "overview")
    told = filled.get("/v1/overview").json["cases"]
    rows = page.get_by_role("table", name="Cases, the worst first").locator("tbody tr")
    expect(rows).to_have_count(60)
    assert rows.locator("th bdi").all_inner_texts() == [case["model"] for case in told]
    assert rows.locator("[data-verdict]").all_inner_texts() == [case["verdict"] for case in told]

    worst = rows.first
    expect(worst.locator("[data-label=Verdict]")).to_have_text("slower")
    expect(worst.locator("[data-label=Verdict] svg.shape")).to_have_count(1)
    percents = r"−\d+\.\d % −\d+\.\d to −\d+\.\d %"
    expect(worst.locator("[data-label=Change]")).to_have_text(re.compile(rf"{percents}vs release-0\.1"))
    expect(worst.locator("[data-label='Last value']")).to_have_text(re.compile(r"tok/s.* · n 10"))
    expect(worst.locator("svg.spark")).to_have_count(1)


def test_a_case_leads_to_its_history_and_back(page: Page, filled: Service) -> None:
    opened(page, filled, "overview")
    first = page.locator("main tbody tr").first
    model = first.locator("th bdi").inner_text()
    first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1, name=model)).to_be_visible()
    page.go_back()
    expect(page.get_by_text("60 of 60 cases")).to_be_visible()
