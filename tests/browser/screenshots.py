"""The pictures of the dashboard in README: `python -m tests.browser.screenshots docs/pictures`, or `make screenshots`.

They are taken from the made-up year of tests/browser/filled.py, so that everybody gets the same; the page's clock
stands still. The live view is a run of tiny models before a board whose files are moved meanwhile. `--measured
DATABASE` takes the picture of a comparison from a real store instead: that of its last paired run.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, expect, sync_playwright

from orac_bench.settings import read_settings
from tests.browser.conftest import FLAGS, PATIENCE_MS
from tests.browser.filled import fill
from tests.browser.views import addresses, settled
from tests.fakes.board import MONITOR, ZONES, orin_nano, write
from tests.make_gguf import write_tiny
from tests.service import Service, running_service

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=timezone.utc)
LAPTOP, MIDDLE, PHONE = (1280, 800), (1280, 700), (360, 740)


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A picture: the view, what is added to its address, what is pressed, where it is scrolled to."""

    name: str
    view: str
    charts: int = 0
    query: str = ""
    size: tuple[int, int] = LAPTOP
    theme: str = "light"
    press: str | None = None
    top: str | None = None


SHOTS = (
    Shot(name="overview", view="overview"),
    Shot(name="overview-dark", view="overview", theme="dark"),
    Shot(name="overview-phone", view="overview", size=PHONE),
    Shot(name="history", view="history", charts=1),
    Shot(name="run", view="run", charts=2, query="?case=ca5e000000000001", top="section[aria-label=Rounds]"),
    Shot(
        name="timeline", view="run", charts=2, query="?case=ca5e000000000001", theme="dark",
        press="the whole run", top="section[aria-label=Timeline]",
    ),
    Shot(name="compare", view="changed", charts=1),
    Shot(name="trade-off", view="changed", charts=1, top="section[aria-label='Trade-off']", size=(1280, 640)),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all pictures are in the folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="TO")
    parser.add_argument("--measured", type=Path, metavar="DATABASE", help="a store with a paired run")
    parser.add_argument("--only", metavar="NAME", help="one picture")
    parser.add_argument("--store", type=Path, metavar="DATABASE", help="that made-up year, where it was filled before")
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name in [name for name in os.environ if name.startswith(("ORAC_", "OLLAMA_")) and "TEST" not in name]:
        del os.environ[name]
    with TemporaryDirectory() as place, sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS])
        folder = Path(place)
        models = folder / "models"
        models.mkdir()
        write_tiny(models)
        if asked.measured is not None:
            measured(browser, folder / "measured", asked.measured, models, asked.folder)
            return 0
        if asked.store is None:
            fill(folder / "orac.db", now=NOW)
        else:
            shutil.copy(asked.store, folder / "orac.db")
        root = orin_nano(folder / "board")
        write(root, "dev/nvmap", "")
        with service(folder, models, root) as filled:
            for shot in SHOTS:
                if asked.only in (None, shot.name):
                    take(browser, filled, shot, asked.folder)
            if asked.only in (None, "live"):
                live(browser, filled, root, asked.folder)
    return 0


def chromium() -> str:
    """The browser. Ends the program where there is none."""
    found = shutil.which(os.environ.get("ORAC_CHROMIUM", "chromium"))
    return found or sys.exit("There is no `chromium` to take pictures with. Type `apt install chromium`.")


def service(folder: Path, models: Path, root: Path) -> AbstractContextManager[Service]:
    """The service on the store in `folder`, on a board made of files."""
    board = {"ORAC_TELEMETRY": "sysfs", "ORAC_SYSFS_ROOT": str(root)}
    return running_service(folder, models=models, ollama=ollama(), **board)


def ollama() -> Path:
    """The Ollama of the tests: ORAC_TEST_OLLAMA, else the built one. Ends the program where there is none."""
    program = Path(os.environ.get("ORAC_TEST_OLLAMA") or read_settings().built_ollama)
    return program if program.is_file() else sys.exit("There is no Ollama to measure with. Type `make bench` first.")


@contextmanager
def page_of(browser: Browser, size: tuple[int, int], theme: str = "light", *, still: bool = True) -> Iterator[Page]:
    """A page whose clock stands at NOW, unless it is not to be still."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,  # type: ignore[arg-type]
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    if still:
        page.clock.set_fixed_time(NOW)
    yield page
    context.close()


def take(browser: Browser, filled: Service, shot: Shot, to: Path) -> None:
    """Opens the view as `shot` says and keeps what is seen."""
    with page_of(browser, shot.size, shot.theme) as page:
        page.goto(changed(filled) if shot.view == "changed" else addresses(filled)[shot.view] + shot.query)
        settled(page, shot.charts)
        if shot.press:
            page.get_by_role("button", name=shot.press).click()
        expect(page.locator("#state")).to_have_text("ready")
        if shot.top:
            page.locator(shot.top).evaluate("(place) => scrollBy(0, place.getBoundingClientRect().top - 70)")
        keep(page, to / f"{shot.name}.png")


def changed(filled: Service) -> str:
    """The address of what became slower and faster between the baseline and the last run of all models."""
    last = next(one["id"] for one in filled.get("/v1/runs?limit=50").json["runs"] if len(one["models"]) == 9)
    return f"{filled.url}/#/compare?base=release-0.1&candidate={last}"


def live(browser: Browser, filled: Service, root: Path, to: Path) -> None:
    """A run of tiny models as it is watched, while the board's files are moved."""
    filled.ready()
    ended = threading.Event()
    mover = threading.Thread(target=move, args=(root, ended))
    mover.start()
    wish = {"models": ["tinyllama-1.1b", "phi-2"], "suites": ["first_token"], "rounds": 400, "note": "a new fan"}
    run = filled.post("/v1/runs", wish).json["id"]
    try:
        with page_of(browser, LAPTOP, still=False) as page:
            page.goto(f"{filled.url}/#/benchmark")
            now = page.get_by_role("region", name="Live")
            expect(now.get_by_role("listitem").nth(5)).to_be_visible(timeout=240_000)
            page.wait_for_timeout(15_000)  # the curves need some readings, one comes a second
            keep(page, to / "live.png")
    finally:
        filled.post(f"/v1/runs/{run}/cancel")
        ended.set()
        mover.join()


def move(root: Path, ended: threading.Event) -> None:
    """Lets the board's files tell of a board at work, until `ended`."""
    for tick in itertools.count():
        if ended.wait(0.25):
            return
        warm = 1.2 + math.sin(tick / 40) + 0.3 * math.sin(tick / 5)  # below what a round waits for to cool down
        for number, (_, celsius) in enumerate(ZONES.items()):
            if celsius is not None:
                write(root, f"sys/class/thermal/thermal_zone{number}/temp", round(celsius + 1000 * warm))
        write(root, f"{MONITOR}/curr1_input", round(2480 + 180 * math.sin(tick / 19)))


def measured(browser: Browser, folder: Path, database: Path, models: Path, to: Path) -> None:
    """What the last paired run of a real store shows of its two sides."""
    folder.mkdir()
    shutil.copy(database, folder / "orac.db")
    with running_service(folder, models=models, ollama=ollama()) as real, page_of(browser, MIDDLE, still=False) as page:
        runs = [one["id"] for one in real.get("/v1/runs?limit=100").json["runs"]]
        paired = next(run for run in runs if any(one["pair"] for one in real.get(f"/v1/runs/{run}").json["results"]))
        page.goto(f"{real.url}/#/compare?base={paired}&paired=1")
        settled(page)
        page.locator("main summary").first.click()
        keep(page, to / "compare-measured.png")


def keep(page: Page, path: Path) -> None:
    """Keeps what is seen of the page."""
    page.evaluate("() => document.fonts.ready")
    page.screenshot(path=path, animations="disabled")
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
