"""The models, by clicking and typing: load and unload with what it does to the memory, ask, stop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.views import settled
from tests.service import Service

MEMORY = re.compile(r"Available memory \d+(\.\d+)? GiB → \d+(\.\d+)? GiB\.")


@pytest.fixture
def models(page: Page, live: Service) -> Page:
    """The view of the models, none of them loaded."""
    for one in live.get("/v1/models").json["models"]:
        if one["state"] == "loaded":
            live.post(f"/v1/models/{one['name']}/unload")
    page.goto(f"{live.url}/#/models")
    settled(page)
    return page


@contextmanager
def held(page: Page, pattern: str) -> Iterator[None]:
    """Requests to `pattern` go to the service only when the block is left."""
    waiting: list[Route] = []
    page.route(pattern, lambda route: waiting.append(route))
    yield
    for one in waiting:
        one.continue_()
    page.unroute(pattern)


def test_every_file_is_listed_with_size_quantisation_and_state(models: Page) -> None:
    rows = models.get_by_role("row")
    expect(rows).to_have_count(1 + 7)
    tinyllama = rows.filter(has_text="tinyllama-1.1b.gguf")
    expect(tinyllama).to_contain_text("also: tinyllama")
    for told in ("ready", re.compile(r"\d+ KiB"), "Q4_0", "2048", "fits"):
        expect(tinyllama).to_contain_text(told)


def test_a_refused_file_says_why_and_cannot_be_loaded(models: Page) -> None:
    refused = models.get_by_role("row").filter(has_text="broken.gguf")
    expect(refused).to_contain_text("refused")
    expect(refused).to_contain_text("is no GGUF file")
    expect(refused.get_by_role("button")).to_have_count(0)
    expect(models.get_by_label("Model to ask").get_by_role("option", name="broken")).to_have_count(0)


def test_a_model_is_loaded_and_unloaded_with_progress_and_memory(models: Page) -> None:
    row = models.get_by_role("row").filter(has_text="tinyllama-1.1b.gguf")
    with held(models, "**/v1/models/*/load"):
        models.get_by_role("button", name="Load tinyllama-1.1b").click()
        expect(models.get_by_role("progressbar", name="Loads tinyllama-1.1b")).to_be_visible()
        expect(row).to_contain_text("loading")
        expect(models.get_by_role("button", name="Load phi-2")).to_be_disabled()
    expect(row).to_contain_text("● loaded", use_inner_text=True)
    expect(row.get_by_role("status")).to_have_text(re.compile(rf"Loaded in .+ {MEMORY.pattern}"))
    expect(models.get_by_role("progressbar")).to_have_count(0)

    models.get_by_role("button", name="Unload tinyllama-1.1b").click()
    expect(row.locator("[data-state]")).to_have_attribute("data-state", "ready")
    expect(row.get_by_role("status")).to_have_text(re.compile(rf"Unloaded in .+ {MEMORY.pattern}"))


def test_a_model_that_is_given_up_for_another_is_named(models: Page) -> None:
    models.get_by_role("button", name="Load pythia-70m").click()
    expect(models.get_by_role("button", name="Unload pythia-70m")).to_be_enabled()
    models.get_by_role("button", name="Load distilgpt2").click()
    row = models.get_by_role("row").filter(has_text="distilgpt2.gguf")
    expect(row.get_by_role("status")).to_contain_text("Given up for it: pythia-70m.")
    expect(models.locator('[data-model="pythia-70m"] [data-state]')).to_have_attribute("data-state", "ready")


def test_an_answer_streams_in_with_its_ttft_and_rate(models: Page) -> None:
    models.get_by_label("Model to ask").select_option("tinyllama-1.1b")
    models.get_by_label("Tokens at most").fill("16")
    models.get_by_label("Prompt", exact=True).fill("Where is the sea?")
    models.get_by_role("button", name="Ask").click()

    answer, figures = models.get_by_role("region", name="The answer"), models.locator("dl.figures")
    expect(figures).to_contain_text("TTFT")
    expect(answer).not_to_be_empty()
    told = dict(zip(figures.locator("dt").all_inner_texts(), figures.locator("dd").all_inner_texts(), strict=True))
    assert re.fullmatch(r"[\d.]+ m?s", told["TTFT"])
    assert re.fullmatch(r"[\d.]+ tok/s", told["rate"])
    assert re.fullmatch(r"[\d.]+ m?s", told["of it loading"])
    assert (told["tokens"], told["ended by"]) == ("16", "the most tokens")
    expect(models.locator('[data-model="tinyllama-1.1b"] [data-state]')).to_have_attribute("data-state", "loaded")


def test_an_answer_is_shown_while_it_is_written_and_stopped_midway(models: Page) -> None:
    models.get_by_label("Model to ask").select_option("phi-2")
    models.get_by_label("Tokens at most").fill("4096")
    models.get_by_role("button", name="Ask").click()

    stop, answer = models.get_by_role("button", name="Stop"), models.get_by_role("region", name="The answer")
    expect(answer).not_to_be_empty()
    expect(answer).to_have_attribute("aria-busy", "true")
    stop.click()
    expect(models.locator("dl.figures")).to_contain_text("stopped")
    expect(stop).to_be_hidden()
    expect(models.get_by_role("button", name="Ask")).to_be_focused()
    written = answer.inner_text()
    models.get_by_role("button", name="Unload phi-2").click()
    expect(models.get_by_role("button", name="Load phi-2")).to_be_enabled()
    assert answer.inner_text() == written
