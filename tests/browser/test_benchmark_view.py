"""A benchmark from the page: chosen, estimated, started, watched, cancelled, read; and one prompt for many models."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.views import at_rest, settled
from tests.service import Service

LONG_MS = 240_000
"""The longest that a short benchmark is waited for, on a machine where others are at work."""


@pytest.fixture
def form(page: Page, live: Service) -> Locator:
    """The form that starts a benchmark, on a service that measures nothing now."""
    at_rest(live)
    page.goto(f"{live.url}/#/benchmark")
    settled(page)
    return page.get_by_role("form", name="Start a benchmark")


def choose(form: Locator, *, model: str, suite: str, rounds: int) -> None:
    """Takes one model and one suite of all that are there."""
    for legend, wanted in (("Models", model), ("Suites", suite)):
        group = form.get_by_role("group", name=legend, exact=True)
        group.get_by_role("button", name="None").click()
        group.get_by_role("checkbox", name=re.compile(f"^{re.escape(wanted)} ")).check()
    form.get_by_label("Rounds a case").fill(str(rounds))


def test_what_is_chosen_is_estimated_and_kept_in_the_address(page: Page, form: Locator) -> None:
    start = form.get_by_role("button", name="Start")
    expect(form.get_by_text(re.compile(r"^\d+ cases, "))).to_be_visible()
    form.get_by_role("group", name="Models", exact=True).get_by_role("button", name="None").click()
    expect(form).to_contain_text("Choose at least one model and one suite.")
    expect(start).to_be_disabled()

    choose(form, model="distilgpt2", suite="first_token", rounds=3)
    expect(form.get_by_text(re.compile(r"^1 case, "))).to_be_visible()
    form.get_by_text("What will be measured").click()
    expect(form.get_by_role("listitem")).to_contain_text(
        re.compile(r"distilgpt2.*first_token · 64 → 16 *5 rounds with warm-ups")
    )
    expect(page).to_have_url(re.compile(r"models=distilgpt2&suites=first_token&rounds=3"))

    page.reload()
    settled(page)
    expect(form.get_by_role("checkbox", name=re.compile("^phi-2 "))).not_to_be_checked()
    expect(form.get_by_label("Rounds a case")).to_have_value("3")


def test_a_benchmark_is_started_watched_and_read(page: Page, form: Locator) -> None:
    choose(form, model="distilgpt2", suite="first_token", rounds=3)
    form.get_by_label("Note").fill("from the page")
    form.get_by_role("button", name="Start").click()

    live = page.get_by_role("region", name="Live")
    expect(live).to_contain_text("measured now")
    expect(live.get_by_role("progressbar", name="Cases done")).to_be_visible()
    expect(page.locator("main h1 + p [data-status=done]")).to_be_visible(timeout=LONG_MS)
    settled(page)
    expect(page.get_by_text("from the page")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="first_token").first).to_contain_text("3 of 3")
    expect(page.locator("dl.figures").first).to_contain_text("3 of 3")
    expect(page.locator("#state")).to_have_text("ready")


def test_a_run_is_watched_by_case_and_round_and_cancelled_from_the_page(
    page: Page, form: Locator, live: Service
) -> None:
    choose(form, model="pythia-70m", suite="decode", rounds=10_000)
    form.get_by_role("button", name="Start").click()

    now = page.get_by_role("region", name="Live")
    expect(now).to_contain_text(re.compile(r"Case 1 of 1: pythia-70m · decode · 64 → 128 · round \d+ of 10000"))
    expect(now.get_by_role("listitem").first).to_contain_text(
        re.compile(r"(round|warm-up) \d+ · pythia-70m decode.*tok/s"), timeout=LONG_MS
    )
    expect(now.locator(".chart:has(canvas)")).to_be_visible()
    expect(page.get_by_role("link", name="measuring")).to_be_visible()
    now.get_by_role("button", name="Cancel the run").click()
    expect(now.get_by_role("button", name="Ends …")).to_be_disabled()
    expect(page.locator("main h1 + p [data-status=cancelled]")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="pythia-70m").first).to_contain_text("of 10000")
    assert live.get("/v1/runs?limit=1").json["runs"][0]["status"] == "cancelled"


@pytest.mark.usefixtures("form")
def test_a_run_that_waits_is_listed_and_cancelled_before_it_begins(page: Page, live: Service) -> None:
    long = {"models": ["pythia-70m"], "suites": ["decode"], "rounds": 10_000}
    first = live.post("/v1/runs", long).json["id"]
    second = live.post("/v1/runs", {**long, "note": "after the first"}).json["id"]
    waiting = page.locator("section", has=page.get_by_role("heading", name="Waiting"))
    expect(waiting.get_by_role("listitem")).to_have_text(re.compile("after the first"))
    waiting.get_by_role("button", name="Cancel").click()
    expect(waiting).to_have_count(0)
    now = page.get_by_role("region", name="Live")
    now.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_text(f"Run {first} is over.")).to_be_visible()
    stood = {one["id"]: one["status"] for one in live.get("/v1/runs?limit=2").json["runs"]}
    assert stood == {first: "cancelled", second: "cancelled"}


@pytest.mark.usefixtures("form")
def test_one_prompt_for_several_models_is_a_table_with_the_quickest_first(page: Page) -> None:
    quick = page.get_by_role("form", name="One prompt, several models")
    quick.get_by_label("Prompt for all").fill("Count to three.")
    quick.get_by_label("Rounds a model").fill("1")
    for name in ("pythia-70m", "tinyllama-1.1b"):
        quick.get_by_role("checkbox", name=re.compile(f"^{re.escape(name)} ")).check()
    quick.get_by_role("button", name="Compare them").click()
    expect(quick.get_by_role("progressbar", name="They are asked")).to_be_visible()

    rows = quick.get_by_role("table").locator("tbody tr")
    expect(rows).to_have_count(2, timeout=LONG_MS)
    assert quick.get_by_role("columnheader").all_inner_texts() == ["Model", "Latency", "TTFT", "Rate", "Answer"]
    assert sorted(rows.get_by_role("rowheader").all_inner_texts()) == ["pythia-70m", "tinyllama-1.1b"]
    latencies = [in_s(one) for one in rows.locator("[data-label=Latency]").all_inner_texts()]
    assert latencies == sorted(latencies)
    rows.first.locator("summary").click()
    expect(rows.first.locator(".answer")).not_to_be_empty()

    quick.get_by_role("button", name="Latency").click()
    again = [in_s(one) for one in rows.locator("[data-label=Latency]").all_inner_texts()]
    assert again == sorted(latencies, reverse=True)


def in_s(text: str) -> float:
    """Seconds of "12.3 ms" or "1.2 s"."""
    number, unit = text.split()
    return float(number) / {"ms": 1000, "s": 1}[unit]
