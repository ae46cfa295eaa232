"""What people expect of a dashboard of measurements, 1 to 8: the latest state, histories, comparisons, filters."""

from __future__ import annotations

import math
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from orac_bench.units import Unit, format, percent
from tests.browser.conftest import OpenPage
from tests.browser.drawings import drawn, point, series
from tests.browser.filled import MODE_CHANGES, OLLAMA_CHANGES
from tests.browser.views import addresses, settled
from tests.service import Service

WORDS = {"bad": {"slower", "worse"}, "good": {"faster", "better"}}
SLOWEST = "#/case/ca5e000000000007"
"""The case that was 9 % slower in the last runs."""


def shown(ratio: float) -> str:
    """A change as the page writes it."""
    return percent(ratio).replace("-0.0 ", "+0.0 ").replace("-", "−")


@pytest.fixture(scope="module")
def overview(filled: Service) -> list[dict[str, Any]]:
    """The cases of GET /v1/overview, the worst first."""
    found: list[dict[str, Any]] = filled.get("/v1/overview").json["cases"]
    return found


def test_1_the_latest_state_is_seen_at_a_glance(page: Page, filled: Service, overview: list[dict[str, Any]]) -> None:
    page.goto(filled.url)
    rows = page.locator("main tbody tr")
    expect(rows).to_have_count(60)
    texts = rows.all_inner_texts()
    assert rows.locator("th a").all_inner_texts() == [one["model"] for one in overview]
    assert rows.locator(".verdict").all_inner_texts() == [one["verdict"] for one in overview]
    assert rows.locator("svg.spark path").count() == 60
    for text, one in zip(texts, overview, strict=True):
        assert format(one["last"]["median"], Unit(one["unit"])) in text
        assert f"n {one['last']['n']}" in text
        if one["baseline"]:
            assert shown(one["ratio"]) in text
    # and the worst is the one that the store was filled with
    assert "−10.0 %" in texts[0]
    assert "qwen3-0.6b-q4_k_m" in texts[0]


def test_2_a_history_has_a_dot_a_run_in_its_band_and_a_click_opens_the_run(page: Page, filled: Service) -> None:
    page.goto(f"{filled.url}/{SLOWEST}")
    told = filled.get("/v1/history?case=ca5e000000000007").json
    points = told["points"]
    chart = page.locator(".chart")
    lines = series(chart)
    assert lines["runs"]["data"] == [[index, one["median"]] for index, one in enumerate(points)]
    low = [value for _, value in lines["low"]["data"] if value is not None]
    high = [
        value + more
        for (_, value), (_, more) in zip(lines["low"]["data"], lines["spread"]["data"], strict=True)
        if more is not None
    ]
    assert low == [one["ci_low"] for one in points]
    assert high == pytest.approx([one["ci_high"] for one in points])
    # zoomed to the last 20 a dot can be hit, and leads to its run
    page.get_by_role("button", name="last 20", exact=True).click()
    expect(page).to_have_url(f"{filled.url}/{SLOWEST}?from={points[-20]['run']}&to={points[-1]['run']}")
    page.mouse.click(*point(chart, (len(points) - 5, points[-5]["median"])))
    expect(page.get_by_role("heading", name=f"Run {points[-5]['run']}")).to_be_visible()


def test_3_any_two_runs_are_compared_by_effect_or_what_changed_alone(page: Page, filled: Service) -> None:
    page.goto(f"{filled.url}/#/compare")
    runs = filled.get("/v1/runs?limit=100").json["runs"]
    base, candidate = [one["id"] for one in runs if len(one["models"]) == 9][::-20][:2]
    page.get_by_label("Base", exact=True).fill(base)
    page.get_by_label("Candidate", exact=True).fill(candidate)
    page.get_by_role("button", name="Compare", exact=True).click()
    told = filled.get(f"/v1/compare?base={base}&candidate={candidate}").json["cases"]
    told.sort(key=lambda one: -abs(math.log(one["ratio"])))
    rows = page.locator("table:has(caption:text('largest effect')) tbody tr")
    expect(rows).to_have_count(len(told))
    assert rows.locator(".verdict").all_inner_texts() == [one["verdict"] for one in told]
    assert rows.locator(".change b").all_inner_texts() == [shown(one["ratio"]) for one in told]
    page.get_by_label("changed only").check()
    changed = [one for one in told if one["verdict"] in WORDS["bad"] | WORDS["good"]]
    expect(rows).to_have_count(len(changed))
    assert 0 < len(changed) < len(told)
    assert rows.locator("th a").all_inner_texts() == [one["model"] for one in changed]


def test_4_a_distribution_shows_every_round_as_a_dot_and_the_box_of_those_that_count(
    page: Page, filled: Service
) -> None:
    page.goto(f"{addresses(filled)['run']}?case=ca5e000000000001")
    run = addresses(filled)["run"].rpartition("/")[2]
    result = filled.get(f"/v1/runs/{run}?rounds=true").json["results"][1]
    kinds = series(page.get_by_role("region", name="Rounds").locator(".chart"))
    assert {key: len(kinds[key]["data"]) for key in ("counted", "warmup", "excluded", "failed")} == {
        "counted": 7,
        "warmup": 2,
        "excluded": 2,
        "failed": 1,
    }
    rates = [one["metrics"]["decode_tokens_per_s"] for one in result["rounds"] if one["counted"]]
    assert [dot["value"][1] for dot in kinds["counted"]["data"]] == rates
    box = result["summary"]["decode_tokens_per_s"]
    assert kinds["box"]["data"][0][1:] == [box[part] for part in ("min", "q25", "median", "q75", "max")]


def test_5_values_are_absolute_or_relative_to_a_baseline(page: Page, filled: Service) -> None:
    page.goto(f"{filled.url}/{SLOWEST}")
    points = filled.get("/v1/history?case=ca5e000000000007").json["points"]
    [baseline] = filled.get("/v1/baselines").json["baselines"]
    base = next(one["median"] for one in points if one["run"] == baseline["run"])
    page.get_by_label("Values").select_option(label="relative to release-0.1")
    expect(page).to_have_url(f"{filled.url}/{SLOWEST}?relative=release-0.1")
    settled(page, 1)
    chart = page.locator(".chart")
    relative = [value for _, value in series(chart)["runs"]["data"]]
    assert relative == pytest.approx([one["median"] / base for one in points])
    assert drawn(chart)["yAxis"][0]["name"] == "Decode relative to the baseline"
    page.get_by_label("Values").select_option(label="absolute")
    expect(page).to_have_url(f"{filled.url}/{SLOWEST}")
    settled(page, 1)
    assert [value for _, value in series(chart)["runs"]["data"]] == [one["median"] for one in points]


def test_6_what_differs_in_the_conditions_is_listed_alone_and_breaks_the_line(page: Page, filled: Service) -> None:
    points = filled.get("/v1/history?case=ca5e000000000007").json["points"]
    first, last = points[0]["run"], points[-1]["run"]
    page.goto(f"{filled.url}/#/compare?base={first}&candidate={last}&across=1")
    rows = page.locator("section:has(h2:text('differs')) tbody tr")
    expect(rows).to_have_count(2)
    assert [row.locator("th, td").all_inner_texts() for row in rows.all()] == [
        ["ollama_version", "0.11.4", "0.20.7"],
        ["power_mode", "15W", "MAXN_SUPER"],
    ]
    page.goto(f"{filled.url}/{SLOWEST}")
    settled(page, 1)
    lines = series(page.locator(".chart"))
    broken = [at for at, value in lines["low"]["data"] if value is None]
    assert broken == [OLLAMA_CHANGES, MODE_CHANGES]
    marks = {one["xAxis"]: one["lineStyle"]["type"] for one in lines["runs"]["markLine"]["data"] if "xAxis" in one}
    assert (marks[OLLAMA_CHANGES], marks[MODE_CHANGES]) == ("dashed", "dashed")
    expect(page.get_by_role("region", name="Changes")).to_contain_text("ollama_version 0.11.4 to 0.20.7")


def test_7_a_change_of_level_is_marked_acknowledged_and_annotated(page: Page, own: Service) -> None:
    page.goto(f"{own.url}/{SLOWEST}")
    settled(page, 1)
    told = own.get("/v1/history?case=ca5e000000000007").json
    change = told["changes"][-1]
    at = next(index for index, one in enumerate(told["points"]) if one["run"] == change["at_run"])
    mark = next(one for one in series(page.locator(".chart"))["runs"]["markLine"]["data"] if one["xAxis"] == at)
    assert (mark["lineStyle"]["type"], mark["lineStyle"]["width"]) == ("solid", 2)
    listed = page.get_by_role("region", name="Changes").get_by_role("listitem").first
    expect(listed).to_contain_text(f"level {shown(change['ratio'])}")
    listed.get_by_role("button", name="Acknowledge").click()
    expect(listed).to_contain_text("known")
    page.get_by_label("Beside the last run").fill("A fan that hums")
    page.get_by_role("button", name="Note", exact=True).click()
    expect(page.get_by_role("region", name="Notes")).to_contain_text("A fan that hums")
    settled(page, 1)
    after = own.get("/v1/history?case=ca5e000000000007").json
    assert after["changes"][-1]["acknowledged"] is True
    assert (after["annotations"][-1]["text"], after["annotations"][-1]["run"]) == (
        "A fan that hums",
        told["points"][-1]["run"],
    )
    assert series(page.locator(".chart"))["notes"]["data"][-1][0] == len(told["points"]) - 1


def test_8_filters_stand_in_the_address_and_a_link_shows_the_same(
    page: Page, open_page: OpenPage, filled: Service, overview: list[dict[str, Any]]
) -> None:
    page.goto(filled.url)
    page.get_by_label("Suite").select_option("first_token")
    page.get_by_label("Quantisation").select_option("Q4_K_M")
    page.get_by_label("Size").select_option(label="0.5 to 1 B")
    page.get_by_label("Power mode").select_option("MAXN_SUPER")
    page.get_by_label("Measured").select_option(label="in 7 days")
    page.get_by_role("searchbox", name="Model").fill("qwen")
    page.get_by_role("button", name="inconclusive").click()
    links = page.locator("main tbody th a")
    expect(page.locator(".count")).not_to_contain_text("60 of 60")
    query = page.url.partition("?")[2]
    names = [pair.partition("=")[0] for pair in query.split("&")]
    assert sorted(names) == ["mode", "quant", "since", "size", "suite", "text", "verdict"]
    wanted = [
        one["model"]
        for one in overview
        if one["suite"] == "first_token" and one["model"] == "qwen3-0.6b-q4_k_m"
        if one["verdict"] == "inconclusive"
    ]
    assert links.all_inner_texts() == wanted
    assert wanted
    # the link alone
    other = open_page()
    other.goto(page.url)
    expect(other.locator("main tbody tr")).to_have_count(len(wanted))
    assert other.locator("main tbody th a").all_inner_texts() == wanted
    expect(other.get_by_label("Quantisation")).to_have_value("Q4_K_M")
