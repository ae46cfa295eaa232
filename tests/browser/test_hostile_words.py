"""What a model, a file or a person wrote is shown as text: nothing runs, turns round or breaks the page."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.filled import fill
from tests.browser.views import NAMES, addresses, opened, settled
from tests.service import Service, running_service

MARKUP = "<img src=x onerror=window.ran=1>"
TURNED = "\u202efubyM.4q\u202c"
LONG = "Q4" * 5_000
HOSTILE = {"qwen3-0.6b-q8_0": MARKUP, "tinyllama-1.1b-chat-v1.0.q4_k_m": TURNED, "phi-2.q4_k_m": LONG}
NOTE = f"{MARKUP} {TURNED} {LONG}"[:1_900]


@pytest.fixture(scope="module")
def hostile(
    tmp_path_factory: pytest.TempPathFactory, tiny_models: Path, ollama_binary: Path, board: Mapping[str, str]
) -> Iterator[Service]:
    """A service whose store has models, notes, answers and failures of which none is harmless."""
    folder = tmp_path_factory.mktemp("hostile")
    fill(folder / "orac.db", runs=40, now=datetime.now(timezone.utc).replace(microsecond=0))
    with closing(sqlite3.connect(folder / "orac.db")) as db, db:
        for harmless, name in HOSTILE.items():
            db.execute("UPDATE model SET name = ? WHERE name = ?", (name, harmless))
            db.execute("UPDATE result SET model_name = ? WHERE model_name = ?", (name, harmless))
        db.execute("UPDATE run SET note = ?", (NOTE,))
        db.execute("UPDATE annotation SET text = ?", (NOTE,))
        db.execute("UPDATE result SET facts = json_set(facts, '$.answer', ?)", (NOTE,))
        db.execute("UPDATE conditions SET facts = json_set(facts, '$.board', ?)", (NOTE,))
    with running_service(folder, models=tiny_models, ollama=ollama_binary, **board) as service:
        yield service


def unharmed(page: Page) -> None:
    """Nothing ran, nothing was made of the words, nothing is wider than the page."""
    assert page.evaluate("() => window.ran ?? null") is None
    assert page.locator("img, iframe, script:not([src])").count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_text_in_a_view(page: Page, hostile: Service, name: str) -> None:
    opened(page, hostile, name)
    if name in ("overview", "runs", "run", "compare"):
        expect(page.locator("main bdi", has_text=MARKUP).first).to_be_attached()
    for one in page.locator("main bdi", has_text=TURNED).all()[:5]:
        assert one.evaluate("(place) => getComputedStyle(place).unicodeBidi") == "isolate"
    unharmed(page)
    page.set_viewport_size({"width": 360, "height": 740})
    # a chart follows in the next frame
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    unharmed(page)


def test_a_hostile_answer_is_text_while_it_streams(page: Page, hostile: Service) -> None:
    pieces = [MARKUP, f" {TURNED} ", LONG, "</p><script>window.ran=1</script>"]
    done = {"model": "phi-2", "response": "".join(pieces), "thinking": None, "elapsed_ms": 9.0, "ttft_ms": 1.0}
    done |= {"load_ms": None, "output_tokens": 4, "tokens_per_s": 500.0, "done_reason": "stop"}
    told = [("token", {"text": piece}) for piece in pieces] + [("done", done)]
    body = "".join(f"event: {kind}\ndata: {json.dumps(data)}\n\n" for kind, data in told)

    def answer(route: Route) -> None:
        route.fulfill(status=200, content_type="text/event-stream", body=body)

    page.route("**/v1/prompt", answer)
    page.goto(f"{hostile.url}/#/models")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("dl.figures")).to_contain_text("500 tok/s")
    assert page.get_by_role("region", name="The answer").inner_text() == "".join(pieces)
    unharmed(page)


def test_no_cell_of_a_csv_is_a_formula_and_a_number_stays_one(page: Page, hostile: Service) -> None:
    formulas = ["=1+1", "+1", "@A1", "\tx", "\nx", "-1+HYPERLINK(1)", "-A1", "-1\n+A1", "--1", "-"]
    numbers = ["-1", "-0.25", "-1.5e-7", "−3.2 %", "12"]
    page.goto(f"{hostile.url}/#/models")
    written = page.evaluate(
        """async (cells) => {
            const { asCsv } = await import("/static/table.js");
            return asCsv([{ label: "Answer", cell: (one) => one }], cells);
        }""",
        formulas + numbers,
    )
    cells = [one for (one,) in csv.reader(io.StringIO(written, newline=""))]
    assert cells == ["Answer", *(f"'{one}" for one in formulas), *numbers]


def test_hostile_words_are_text_while_a_run_is_watched(page: Page, hostile: Service) -> None:
    run = addresses(hostile)["run"].rpartition("/")[2]
    running = hostile.get(f"/v1/runs/{run}").json
    running["run"] |= {"status": "running", "ended": None}
    running["results"] = []
    case = {"suite": "decode", "model": MARKUP, "workload": {"prompt_tokens": 64, "output_tokens": 128}}
    error = {"code": "odd", "message": NOTE}
    events = [
        ("case", {**case, "case": "ca5e", "position": 0, "planned": 3, "planned_unit": "rounds"}),
        ("round", {"index": 0, "phase": "measure", "status": "failed", "counted": False, "flags": [], "error": error}),
    ]
    body = "".join(
        f"id: {at}\nevent: {kind}\ndata: {json.dumps({'metrics': {}, **data})}\n\n"
        for at, (kind, data) in enumerate(events, start=1)
    )
    page.route(f"**/v1/runs/{run}", lambda route: route.fulfill(json=running))
    page.route("**/events?*", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    page.goto(f"{hostile.url}/#/run/{run}")
    live = page.get_by_role("region", name="Live")
    expect(live).to_contain_text(MARKUP)
    expect(live.get_by_role("listitem")).to_have_count(1)
    expect(live.get_by_role("listitem")).to_contain_text(f"failed: {MARKUP}")
    settled(page)
    unharmed(page)
