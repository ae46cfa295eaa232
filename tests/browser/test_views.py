"""Every view on a store of 1,000 runs: fit for all eyes in both themes, whole on a phone, still while it is updated."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import LAPTOP, pages
from tests.browser.views import NAMES, opened, settled
from tests.service import Service

VENDOR = Path(__file__).parent / "vendor"
AXE = gzip.decompress((VENDOR / "axe.min.js.gz").read_bytes()).decode()
JUDGED = """async () => (await axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
})).violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target.join(" ")).join(" | ")}`)"""
SHIFTS = """() => {
  window.shifts = [];
  const told = (one) => `${one.value} ${one.sources.map((from) => from.node?.outerHTML?.slice(0, 120)).join(" | ")}`;
  new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map(told)))
    .observe({ type: "layout-shift", buffered: false });
}"""
WIDER = """() => {
  const cut = (at) => at && (getComputedStyle(at).overflowX !== "visible" || cut(at.parentElement));
  return [...document.querySelectorAll("body *:not(.spoken, .skip, .spoken *)")]
    .filter((one) => {
      const { width, left, right } = one.getBoundingClientRect();
      return width && (right > innerWidth + 1 || left < -1) && !cut(one.parentElement);
    })
    .map((one) => one.outerHTML.slice(0, 160));
}"""
LUMINANCE = """() => {
    const parts = getComputedStyle(document.documentElement).backgroundColor.match(/[\\d.]+/g).map(Number);
    return (0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]) / 255;
}"""
COVERED = """() => [...document.querySelectorAll("main :is(a, button, input, select, textarea, summary)")]
  .filter((one) => one.checkVisibility())
  .filter((one) => {
    one.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const { left, top, width, height } = one.getClientRects()[0];
    const hit = document.elementFromPoint(left + width / 2, top + height / 2);
    return !hit || !(one.contains(hit) || hit.contains(one) || one.labels?.[0]?.contains(hit));
  })
  .map((one) => one.outerHTML.slice(0, 160))"""
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


def test_the_judge_of_accessibility_is_what_its_manifest_says() -> None:
    (entry,) = json.loads((VENDOR / "manifest.json").read_text())
    packed = (VENDOR / entry["file"]).read_bytes()
    assert (entry["name"], entry["version"], entry["licence"]) == ("axe-core", "4.14.1", "MPL-2.0")
    assert hashlib.sha256(packed).hexdigest() == entry["compressed_sha256"]
    assert hashlib.sha256(AXE.encode()).hexdigest() == entry["sha256"]
    assert {path.name for path in VENDOR.iterdir()} == {"manifest.json", entry["file"], *entry["licence_files"]}


@pytest.fixture(scope="module", params=NAMES)
def view(request: pytest.FixtureRequest, browser: Browser, filled: Service) -> Iterator[Page]:
    """A page of a laptop's size with a view, opened once for all that is asked of it; a test leaves it as it was."""
    with pages(browser, ()) as open_page:
        page = open_page(viewport=LAPTOP)
        opened(page, filled, request.param)
        yield page


def test_nothing_moves_when_a_view_is_updated(view: Page) -> None:
    view.evaluate(SHIFTS)
    for _ in range(3):  # what follows the first answers has come with the last
        with view.expect_response("**/v1/health"):
            view.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")  # then it asks at once
        settled(view)
    assert view.evaluate("shifts") == []


def test_a_view_has_no_barrier_in_either_theme(view: Page) -> None:
    view.evaluate(AXE)
    light = view.evaluate(JUDGED)
    view.emulate_media(color_scheme="dark")
    dark = view.evaluate(JUDGED)
    view.emulate_media(color_scheme="light")
    assert {"light": light, "dark": dark} == {"light": [], "dark": []}


def test_a_view_fits_from_a_small_tablet_to_a_wide_screen(view: Page) -> None:
    for width in (721, 768, 901, 1024, 1440):
        view.set_viewport_size({"width": width, "height": 900})
        # a chart follows in the next frame
        view.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
        assert (width, view.evaluate(WIDER)) == (width, [])
    view.set_viewport_size(LAPTOP)


@pytest.fixture(scope="module", params=NAMES)
def phone(request: pytest.FixtureRequest, browser: Browser, filled: Service) -> Iterator[Page]:
    """Likewise a phone's page, where the system is dark."""
    with pages(browser, ()) as open_page:
        page = open_page(**PHONE, color_scheme="dark")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        opened(page, filled, request.param)
        yield page
        assert [url for url in asked if not url.startswith((filled.url, "data:", "blob:"))] == []


def test_15_a_view_is_dark_or_light_as_the_system_is(phone: Page) -> None:
    dark = phone.evaluate(LUMINANCE)
    phone.emulate_media(color_scheme="light")
    light = phone.evaluate(LUMINANCE)
    phone.emulate_media(color_scheme="dark")
    assert dark < 0.1
    assert light > 0.8


def test_15_a_view_fits_on_a_phone_and_all_of_it_is_reached(phone: Page) -> None:
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    assert phone.evaluate(WIDER) == []
    assert phone.evaluate(COVERED) == []
    for link in phone.get_by_role("navigation").get_by_role("link").all():
        expect(link).to_be_in_viewport(ratio=1)
        box = link.bounding_box()
        assert box is not None
        assert box["height"] >= 44  # as much as a thumb needs
