"""A store in which nothing was measured yet says what to do first, and the button does it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.make_gguf import write_tiny
from tests.service import Service, running_service


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path, ollama_binary: Path) -> Iterator[Service]:
    """A service that was never used."""
    with running_service(tmp_path_factory.mktemp("new"), models=tiny_models, ollama=ollama_binary) as service:
        service.ready()
        yield service


def test_what_is_measured_first_may_be_chosen(page: Page, new: Service) -> None:
    page.goto(new.url)
    page.get_by_role("link", name="Choose what to measure").click()
    form = page.get_by_role("form", name="Start a benchmark")
    ticked = form.get_by_role("group", name="Suites").get_by_role("checkbox", checked=True)
    expect(ticked).to_have_count(2)
    assert [one.input_value() for one in ticked.all()] == ["first_token", "decode"]
    expect(form.get_by_text(re.compile("^12 cases, "))).to_be_visible()


def test_an_empty_store_says_what_to_do_first_and_its_button_does_it(page: Page, new: Service) -> None:
    page.goto(new.url)
    expect(page.get_by_role("heading", name="Nothing has been measured yet")).to_be_visible()
    expect(page.get_by_text("Measure the 6 models that are here with first_token and decode.")).to_be_visible()
    page.get_by_role("button", name="Measure now").click()
    live = page.get_by_role("region", name="Live")
    expect(live).to_be_visible()
    expect(live).to_contain_text(re.compile("Case 1 of 12: .* (first_token|decode)"))
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="Watch the run").click()
    live.get_by_role("button", name="Cancel the run").click()
    expect(page.locator("main h1 + p [data-status=cancelled]")).to_be_visible()


def test_other_views_of_an_empty_store_say_so_too(page: Page, new: Service, expected: list[str]) -> None:
    page.goto(f"{new.url}/#/compare")
    expect(page.get_by_text("Choose a base and at least one candidate")).to_be_visible()
    expected.append("status of 404")
    page.goto(f"{new.url}/#/case/none")
    page.get_by_role("link", name="See the cases that there are").click()
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    page.goto(f"{new.url}/#/run/none")
    page.get_by_role("link", name="See the runs that there are").click()
    expect(page.get_by_role("heading", level=1, name="Runs")).to_be_visible()


def test_a_folder_without_models_says_where_to_put_them(page: Page, tmp_path: Path, ollama_binary: Path) -> None:
    (tmp_path / "models").mkdir()
    with running_service(tmp_path / "service", models=tmp_path / "models", ollama=ollama_binary) as service:
        page.goto(f"{service.url}/#/models")
        expect(page.get_by_role("heading", name="There is no model yet")).to_be_visible()
        expect(page.get_by_text("names; they appear here by themselves")).to_be_visible()
        page.goto(f"{service.url}/#/")
        expect(page.get_by_text("First a model is needed")).to_be_visible()
        page.get_by_role("link", name="See the models").click()
        expect(page.get_by_role("heading", name="There is no model yet")).to_be_visible()
        write_tiny(tmp_path / "models", names=("phi-2",))
        expect(page.locator("tr[data-model='phi-2']")).to_be_visible()
        page.goto("about:blank")  # before the service ends
