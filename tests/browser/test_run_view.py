"""A run that was measured from the page: its log, what it leaves to take along, and how it becomes a baseline."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.views import at_rest, settled
from tests.service import Service
from tests.waiting import eventually


@pytest.fixture(scope="module")
def measured(live: Service) -> str:
    """The id of a finished run of one model and one suite, two rounds."""
    at_rest(live)
    run: str = live.post("/v1/runs", {"models": ["pythia-70m"], "suites": ["first_token"], "rounds": 2}).json["id"]
    eventually(lambda: live.get(f"/v1/runs/{run}").json["run"]["status"] == "done", within_s=240)
    return run


def test_a_run_shows_its_conditions_and_its_log(page: Page, live: Service, measured: str) -> None:
    page.goto(f"{live.url}/#/run/{measured}")
    settled(page)
    conditions = page.locator("section", has=page.get_by_role("heading", name="Conditions"))
    expect(conditions).to_contain_text(re.compile("ollama_version *0.11.4"))
    expect(conditions).to_contain_text(re.compile("power_mode *25W"))
    page.get_by_text("Log", exact=True).click()
    expect(page.get_by_role("region", name="Log of the run")).to_contain_text("pythia-70m first_token 64 → 16")


def test_a_run_is_taken_along_as_json_and_csv(page: Page, live: Service, measured: str, tmp_path: Path) -> None:
    page.goto(f"{live.url}/#/run/{measured}")
    settled(page)
    for kind in ("JSON", "CSV"):
        with page.expect_download() as saved:
            page.get_by_role("link", name=kind).click()
        assert saved.value.suggested_filename == f"orac-{measured}.{kind.lower()}"
        saved.value.save_as(tmp_path / kind)
    (whole,) = json.loads((tmp_path / "JSON").read_text())["runs"]
    assert whole["run"]["id"] == measured
    header, *rounds = csv.reader((tmp_path / "CSV").read_text().splitlines())
    assert "ttft_s" in header
    assert len(rounds) >= 2


def test_a_run_becomes_a_baseline_and_is_noted(page: Page, live: Service, measured: str) -> None:
    page.goto(f"{live.url}/#/run/{measured}")
    settled(page)
    page.get_by_role("button", name="Make it a baseline").click()
    dialog = page.get_by_role("dialog", name="Name it as a baseline")
    dialog.get_by_label("Name").fill("release-1.0")
    dialog.get_by_role("button", name="Name it").click()
    expect(page.locator("#said")).to_have_text("release-1.0 is this run now.")
    page.get_by_label("What should be known about it?").fill("Measured from the page.")
    page.get_by_role("button", name="Note", exact=True).click()
    expect(page.get_by_text("Measured from the page.")).to_be_visible()
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("row").filter(has_text=measured)).to_contain_text("baseline release-1.0")
