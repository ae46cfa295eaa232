"""A real Chromium before real services: one on a store of 1,000 runs, one on an empty store, both with a real Ollama.

All of it starts once and ends with the last test of this folder. A page fails its test at the end on what a person
would never see: an error in the console, a broken policy, a request to another host.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize, expect, sync_playwright

from tests.fakes.board import MONITOR, orin_nano
from tests.service import Service, running_service

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP board.local 127.0.0.1",
)
NET_NAME = "board.local"
"""The name by which these browsers find the machine as another one would: not the loopback that they trust."""
PATIENCE_MS = 40_000
"""The longest that a page is waited for, on a slow machine with others at work."""
LAPTOP: ViewportSize = {"width": 1280, "height": 800}
OWN = Path(__file__).parent

OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser and a real Ollama."""
    for item in items:
        if OWN in item.path.parents:
            item.add_marker("browser")
            item.add_marker("real")


@pytest.fixture(scope="package", autouse=True)
def chromium(caller_environ: Mapping[str, str]) -> Path:
    """The browser: ORAC_CHROMIUM, else `chromium` on PATH. Skips without one, but never in CI."""
    given = caller_environ.get("ORAC_CHROMIUM")
    found = shutil.which(given or "chromium", path=caller_environ.get("PATH"))
    if found is not None:
        return Path(found)
    missing = f"{given!r} of ORAC_CHROMIUM is no program" if given else "`chromium` is not on PATH"
    message = f"{missing}; the dashboard is not tested. Type `apt install chromium`, or set ORAC_CHROMIUM to one."
    if caller_environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="package")
def browser(chromium: Path) -> Iterator[Browser]:
    """The one Chromium of all tests, with a fresh profile."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS], headless=True)
        yield started
        started.close()


@pytest.fixture(scope="package")
def board(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The settings of a service on an Orin Nano made of files."""
    return on_board(orin_nano(tmp_path_factory.mktemp("orin-nano")))


@pytest.fixture(scope="package")
def board_without_power(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The same on a board without a power monitor: before a run such a one is not watched at rest for a while."""
    root = orin_nano(tmp_path_factory.mktemp("orin-nano"))
    shutil.rmtree(root / MONITOR)
    return {**on_board(root), "ORAC_TELEMETRY": "host"}


@pytest.fixture(scope="package", autouse=True)
def filling(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, caller_environ: Mapping[str, str]
) -> Iterator[tuple[Path, subprocess.Popen[bytes] | None]]:
    """Where the store of a year is, and the process that fills it while tests go on that need none of it."""
    path = tmp_path_factory.mktemp("filled") / "orac.db"
    before = caller_environ.get("ORAC_TEST_STORE")
    if before:
        shutil.copy(before, path)
    if before or not any("filled_store" in getattr(item, "fixturenames", ()) for item in request.session.items):
        yield path, None
        return
    words = "import sys, pathlib; from tests.browser.filled import fill; fill(pathlib.Path(sys.argv[1]))"
    with subprocess.Popen([sys.executable, "-c", words, path], cwd=OWN.parent.parent) as process:
        yield path, process
        process.kill()


@pytest.fixture(scope="package")
def filled_store(filling: tuple[Path, subprocess.Popen[bytes] | None]) -> Path:
    """A store of 1,000 runs and 60 cases; a copy of ORAC_TEST_STORE where that names one made before."""
    path, process = filling
    assert process is None or process.wait() == 0
    return path


@pytest.fixture(scope="package")
def filled(filled_store: Path, tiny_models: Path, ollama_binary: Path, board: Mapping[str, str]) -> Iterator[Service]:
    """The service on that store. Tests only look at it, and leave it as it was."""
    with running_service(filled_store.parent, models=tiny_models, ollama=ollama_binary, **board) as service:
        service.ready()
        yield service


@pytest.fixture(scope="package")
def filled_url(filled: Service) -> str:
    """Where the service on a store of 1,000 runs shows its page."""
    return filled.url


@pytest.fixture(scope="package")
def own(
    filled_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_models: Path,
    ollama_binary: Path,
    board: Mapping[str, str],
) -> Iterator[Service]:
    """A service on a copy of the filled store, for tests that write beside what was measured."""
    folder = tmp_path_factory.mktemp("own")
    with closing(sqlite3.connect(filled_store)) as source, closing(sqlite3.connect(folder / "orac.db")) as copy:
        source.backup(copy)
    with running_service(folder, models=tiny_models, ollama=ollama_binary, **board) as service:
        yield service


@pytest.fixture(scope="package")
def live_models(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Path:
    """The six tiny models and a file that is none, `broken.gguf`."""
    folder = tmp_path_factory.mktemp("live-models")
    for model in tiny_models.glob("*.gguf"):
        shutil.copy(model, folder)
    (folder / "broken.gguf").write_bytes(b"no model at all, " * 100)
    return folder


@pytest.fixture(scope="package")
def live(
    tmp_path_factory: pytest.TempPathFactory,
    live_models: Path,
    ollama_binary: Path,
    board_without_power: Mapping[str, str],
) -> Iterator[Service]:
    """A service on an empty store, to load models, ask and measure. A test leaves it idle."""
    folder = tmp_path_factory.mktemp("live")
    with running_service(folder, models=live_models, ollama=ollama_binary, **board_without_power) as service:
        service.ready()
        yield service


@pytest.fixture(scope="package")
def live_url(live: Service) -> str:
    """Where the service with six tiny models shows its page."""
    return live.url


def on_board(root: Path) -> Mapping[str, str]:
    """The settings that let a service read the board below `root`."""
    return {"ORAC_TELEMETRY": "sysfs", "ORAC_SYSFS_ROOT": str(root)}


@pytest.fixture
def expected() -> list[str]:
    """Parts of the troubles that a test brings about, such as "status of 409"; it appends them."""
    return []


@contextmanager
def pages(browser: Browser, expected: Sequence[str]) -> Iterator[OpenPage]:
    """Opens a page in a context of its own, with the options of `Browser.new_context`; all are watched to the end."""
    troubles: list[str] = []
    contexts = []

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and "ERR_NETWORK_CHANGED" not in message.text:  # by others on this machine
            troubles.append(f"console: {message.text} ({message.location.get('url', '')})")

    def request(made: Request) -> None:
        where = urlsplit(made.url)
        if where.scheme not in ("data", "blob") and where.hostname not in ("127.0.0.1", NET_NAME):
            troubles.append(f"request to another host: {made.url}")

    def opened(**options: object) -> Page:
        context = browser.new_context(**{"reduced_motion": "reduce", **options})  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", console)
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("request", request)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [one for one in troubles if not any(part in one for part in expected)] == []


@pytest.fixture
def open_page(browser: Browser, expected: list[str]) -> Iterator[OpenPage]:
    """Opens pages that are gone at the test's end, which fails then on any trouble that is not in `expected`."""
    with pages(browser, expected) as opened:
        yield opened


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A page of a laptop's size."""
    return open_page(viewport=LAPTOP)
