"""What people expect of a dashboard of measurements, 9 to 15: metrics, telemetry, cost, live runs, raw data, places."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from orac_bench.metrics import METRICS
from tests.browser.drawings import drawn, hover, series
from tests.browser.views import addresses, opened, settled
from tests.service import Service
from tests.waiting import eventually

HISTORY = "#/case/ca5e000000000007"
COSTS = {
    "ttft_s": ("TTFT, lower is better", "TTFT (ms)"),
    "decode_tokens_per_s": ("Decode, higher is better", "Decode (tok/s)"),
    "joules_per_output_token": ("J/token out, lower is better", "J/token out (mJ/tok)"),
    "ram_peak_b": ("RAM peak, lower is better", "RAM peak (GiB)"),
}


def saved(page: Page, button: Locator) -> bytes:
    """The file that the page saves when `button` is pressed."""
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path()).read_bytes()


def test_9_each_metric_is_shown_with_its_unit_and_which_way_is_better(page: Page, filled: Service) -> None:
    page.goto(f"{filled.url}/{HISTORY}")
    for key, (said, axis) in COSTS.items():
        page.get_by_label("Metric").select_option(key)
        expect(page.locator("h1 + p")).to_contain_text(said)
        settled(page, 1)
        assert drawn(page.locator(".chart"))["yAxis"][0]["name"] == axis
        assert METRICS[key].better in said


def test_10_telemetry_lies_under_the_tokens_with_one_cursor_and_a_gap_is_a_gap(page: Page, filled: Service) -> None:
    page.goto(f"{addresses(filled)['run']}?case=ca5e000000000001")
    run = addresses(filled)["run"].rpartition("/")[2]
    chart = page.get_by_role("region", name="Timeline").locator(".chart")
    told = filled.get(f"/v1/runs/{run}/telemetry").json
    lines = series(chart)
    stamps = filled.get(f"/v1/runs/{run}/results/ca5e000000000001/rounds/0/chunks").json["t_s"]
    assert len(lines["tokens"]["data"]) == 1 + len(stamps)
    # nothing was read for half a minute: the line ends, and begins again
    gap = next(at for at in range(1, len(told["t_s"])) if told["t_s"][at] - told["t_s"][at - 1] > 20)
    before, after = told["t_s"][gap - 1], told["t_s"][gap]
    power = lines["power_w.VDD_IN"]["data"]
    assert [value for second, value in power if before < second < after] == [None]
    assert [value for _, value in power if value is not None] == told["power_w.VDD_IN"]
    # the mouse on the tokens moves one cursor through every track
    look = drawn(chart)
    middle = sum(look["dataZoom"][0][end] for end in ("startValue", "endValue")) / 2
    hover(page, chart, (middle, 10))
    cursors = eventually(lambda: shown_cursors(chart))
    assert len(cursors) == len(look["xAxis"]) == 6
    assert cursors == pytest.approx([cursors[0]] * 6)
    assert cursors[0] == pytest.approx(middle, abs=0.2)


def shown_cursors(chart: Locator) -> list[float]:
    """Where the cursor stands in each track that shows one, in s after the run began."""
    pointers = [axis["axisPointer"] for axis in drawn(chart)["xAxis"]]
    return [one["value"] for one in pointers if one.get("status") == "show"]


def test_11_speed_stands_against_energy_and_memory_with_the_front_that_none_beats(page: Page, filled: Service) -> None:
    run = next(one["id"] for one in filled.get("/v1/runs?limit=50").json["runs"] if len(one["models"]) == 9)
    page.goto(f"{filled.url}/#/compare?base={run}&candidate=latest~2&across=1")
    chart = page.get_by_role("region", name="Trade-off").locator(".chart")
    results = [one for one in filled.get(f"/v1/runs/{run}").json["results"] if one["case"]["suite"] == "decode"]
    cost = {
        one["case"]["model"]: tuple(
            one["summary"][key]["median"] for key in ("decode_tokens_per_s", "joules_per_output_token")
        )
        for one in results
    }
    lines = series(chart)
    dots = lines[run]["data"]
    assert {dot["one"]["model"]: tuple(dot["value"]) for dot in dots} == cost
    heavy = sorted(dots, key=lambda dot: dot["one"]["memory"]["median"])
    assert [dot["symbolSize"] for dot in heavy] == sorted(dot["symbolSize"] for dot in dots)
    all_of_them = [tuple(dot["value"]) for one in lines.values() if one["id"] != "front" for dot in one["data"]]
    best = {
        one for one in all_of_them if not any(a >= one[0] and b <= one[1] and (a, b) != one for a, b in all_of_them)
    }
    assert {tuple(one) for one in lines["front"]["data"]} == best


def test_12_a_live_run_shows_queue_progress_end_and_last_values_and_is_cancelled(page: Page, live: Service) -> None:
    wish = {"models": ["pythia-70m"], "suites": ["first_token"], "rounds": 3000, "warmup": 0}
    first, second = (live.post("/v1/runs", wish).json["id"] for _ in range(2))
    try:
        page.goto(f"{live.url}/#/benchmark")
        now = page.get_by_role("region", name="Live")
        expect(now).to_contain_text("Case 1 of 1: pythia-70m · first_token · 64 → 16 · round")
        expect(now.get_by_role("listitem").first).to_contain_text("TTFT ", timeout=90_000)
        before = now.get_by_role("progressbar").evaluate("(meter) => meter.value")
        eventually(lambda: now.get_by_role("progressbar").evaluate("(meter) => meter.value") > before)
        expect(page.locator("#state")).to_contain_text("measuring")
        waiting = page.locator("section:has(h2:text('Waiting'))")
        expect(waiting).to_contain_text(second)
        waiting.get_by_role("button", name="Cancel").click()
        eventually(lambda: live.get(f"/v1/runs/{second}").json["run"]["status"] == "cancelled")
        page.goto(f"{live.url}/#/run/{first}")
        page.get_by_text("Log", exact=True).click()
        page.get_by_role("button", name="Cancel the run").click()
        expect(page.locator("main h1 + p [data-status=cancelled]")).to_be_visible()
        expect(page.get_by_role("region", name="Log of the run")).to_contain_text("pythia-70m")  # open as it was
    finally:
        for run in (second, first):
            live.post(f"/v1/runs/{run}/cancel")
        eventually(lambda: live.get("/v1/health").json["measuring"] is None)


def test_12_what_is_planned_in_seconds_or_as_the_least_is_told_as_such(page: Page, filled: Service) -> None:
    run = addresses(filled)["run"].rpartition("/")[2]
    told = filled.get(f"/v1/runs/{run}?rounds=true").json
    result = told["results"][1] | {"planned": 600, "planned_unit": "s", "done": 150}
    least = told["results"][0] | {"planned": 5, "planned_at_least": True}
    going_on = told | {"run": told["run"] | {"status": "running", "ended": None}, "results": []}
    over = told | {"results": [result, least]}
    case = {"suite": "sustained", "model": "phi-2", "workload": {"prompt_tokens": 64, "output_tokens": 256}}
    case |= {"case": "a", "position": 1, "planned": 600, "planned_unit": "s", "planned_at_least": False}
    other = {"case": "b", "suite": "decode", "position": 2, "planned": 10, "planned_unit": "rounds"}
    kept = {"index": 36, "phase": "measure", "status": "ok", "counted": True, "flags": [], "error": None, "metrics": {}}
    heat = {"temperature_celsius.PMIC": 100.0, "power_w.VDD_SYS": 1.0, "hottest": "A0", "power_rail": "VIN"}
    events = [("started", {"cases": 2, "at": told["run"]["started"]}), ("case", case)]
    events += [("reading", {"t_s": at, **heat, "hottest_celsius": 47.0 + at, "power_w": 6.0}) for at in (1, 2)]
    events += [("round", {**kept, "case": "a", "done": 150})]
    heard = list(events)
    page.route(f"**/v1/runs/{run}", lambda route: route.fulfill(json=going_on))
    page.route("**/events?*", lambda route: route.fulfill(content_type="text/event-stream", body=stream(heard)))
    page.goto(f"{filled.url}/#/run/{run}")
    now = page.get_by_role("region", name="Live")
    expect(now).to_contain_text("sustained · 64 → 256 · 2 min 30 s of 10 min 00 s")
    assert now.get_by_role("progressbar").evaluate("(meter) => meter.value") == 0.125  # a quarter of one of two
    lines = [one["data"] for one in drawn(now.locator(".chart"))["series"]]
    assert lines == [[[1, 48.0], [2, 49.0]], [[1, 6.0], [2, 6.0]]]
    # with a precision its end is not known: the bar waits for it
    heard += [("case", case | other | {"planned_at_least": True}), ("round", {**kept, "case": "b", "done": 57})]
    expect(now).to_contain_text("decode · 64 → 256 · round 57 of at least 10")
    assert now.get_by_role("progressbar").evaluate("(meter) => meter.value") == 0.125
    page.unroute(f"**/v1/runs/{run}")
    page.route(f"**/v1/runs/{run}*", lambda route: route.fulfill(json=over))
    page.reload()
    counted = page.locator("td[data-label=Counted]")
    expect(counted).to_have_text(["2 min 30 s of 10 min 00 s", f"{least['done']} of at least 5"])
    expect(page.get_by_role("region", name="Rounds")).to_contain_text("measured for2 min 30 s of 10 min 00 s")


def stream(events: list[tuple[str, dict[str, Any]]]) -> str:
    """These as server-sent events, numbered from 1."""
    told = enumerate(events, start=1)
    return "".join(f"id: {at}\nevent: {kind}\ndata: {json.dumps(data)}\n\n" for at, (kind, data) in told)


def test_13_what_is_seen_is_taken_along_as_markdown_csv_json_and_png(page: Page, filled: Service) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    points = filled.get("/v1/history?case=ca5e000000000007").json["points"]
    page.goto(f"{filled.url}/{HISTORY}")
    settled(page, 1)
    rows = list(csv.DictReader(io.StringIO(saved(page, page.get_by_role("button", name="CSV")).decode())))
    assert [(one["run"], float(one["decode_tokens_per_s_median"])) for one in reversed(rows)] == [
        (one["run"], one["median"]) for one in points
    ]
    page.get_by_role("button", name="Copy as Markdown").click()
    expect(page.locator("#said")).to_have_text("Copied.")
    copied = page.evaluate("() => navigator.clipboard.readText()").splitlines()
    assert copied[0] == "| Run | Measured | Median | 95 % interval | n |"
    assert len(copied) == 2 + len(points)
    picture = saved(page, page.get_by_role("button", name="PNG"))
    assert picture.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(picture[16:20], "big") > 1000
    opened(page, filled, "compare")
    told = json.loads(saved(page, page.get_by_role("button", name="JSON")))
    query = page.url.partition("?")[2]
    assert told == filled.get(f"/v1/compare?{query}").json


def test_14_what_failed_was_left_out_or_is_too_little_is_shown_as_such(page: Page, filled: Service) -> None:
    page.goto(f"{addresses(filled)['run']}?case=ca5e000000000001")
    decode = page.locator("tr[data-case=ca5e000000000001]")
    expect(decode).to_contain_text("failed")
    expect(decode).to_contain_text("7 of 10")
    rounds = page.get_by_role("region", name="Rounds")
    expect(rounds).to_contain_text("2 excluded, 1 failed")
    rounds.get_by_text("rounds as a table").click()
    for text in ("throttled", "short_output", "The stream broke off after 57 tokens."):
        expect(rounds.get_by_role("table")).to_contain_text(text)
    expect(page.locator("tr[data-case=ca5e00000000002f]")).to_contain_text("model requires more system memory")
    # in the history of that case the run is a cross, not a point
    page.goto(f"{filled.url}/#/case/ca5e00000000002f")
    told = filled.get("/v1/history?case=ca5e00000000002f").json
    lines = series(page.locator(".chart"))
    assert (len(lines["gaps"]["data"]), len(lines["runs"]["data"])) == (len(told["gaps"]), len(told["points"]))
    assert len(told["gaps"]) == 1
    # three rounds have a median, and no interval
    page.goto(f"{filled.url}/#/run/latest")
    expect(page.get_by_role("region", name="Rounds")).to_contain_text("none: 3 rounds are too few")


def test_15_a_verdict_is_never_told_by_colour_alone(page: Page, filled: Service) -> None:
    opened(page, filled, "overview")
    found: dict[str, set[str]] = {}
    for one in page.locator("main tbody .verdict").all():
        found.setdefault(one.inner_text().strip(), set()).add(one.locator("svg.shape").inner_html())
    assert set(found) == {"slower", "inconclusive", "same", "faster"}
    assert len({shape for shapes in found.values() for shape in shapes}) == 4


def test_15_the_worst_case_is_reached_and_opened_by_keyboard_alone(page: Page, filled: Service) -> None:
    opened(page, filled, "overview")
    worst = page.locator("main tbody th a").first
    seen: list[Any] = []
    while not worst.evaluate("(link) => link === document.activeElement"):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("() => document.activeElement.matches(':focus-visible')"))
        assert len(seen) < 40
    assert all(seen)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(worst_of(filled))
    page.locator(".chart").focus()
    page.keyboard.press("Home")
    expect(page.locator("p[aria-live]").last).to_contain_text("n 10, run")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Run ")


def worst_of(service: Service) -> str:
    """The model of the first case of the overview."""
    model: str = service.get("/v1/overview").json["cases"][0]["model"]
    return model
