"""The numbers of the dashboard in a real Chromium: how soon it is useful, how it moves, and what an open page costs."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import random
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from orac_bench.records import Status
from orac_bench.stats.compare import compare_pairs
from orac_bench.store.store import open_store
from tests.browser.board import case_key
from tests.browser.conftest import FLAGS
from tests.browser.filled import fill
from tests.builders import a_case, a_run
from tests.performance.test_service import CORES, over_calm_moments, rounds, sample, served  # noqa: F401
from tests.service import Service, running_service

VIEWS = 5
"""Fresh profiles that see the page for the first time; each sees it twice more."""
BLOCKS = 6
"""Of a run that nobody looks at, and one with a page open in a browser."""
HOUR_S = 3600
SIZE = {"width": 1280, "height": 800}

WATCH = (Path(__file__).parent / "watch.js").read_text()
FEED = (Path(__file__).parent / "feed.js").read_text()


@pytest.fixture(scope="module")
def browser(caller_environ: Mapping[str, str]) -> Iterator[Browser]:
    program = shutil.which(caller_environ.get("ORAC_CHROMIUM", "chromium"), path=caller_environ.get("PATH"))
    assert program is not None, "There is no browser. Type `apt install chromium`, or set ORAC_CHROMIUM to one."
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=[*FLAGS], headless=True)
        yield started
        started.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on a store of 1,000 runs and 60 cases, asked once."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "models").mkdir()
    fill(folder / "orac.db")
    with running_service(folder, models=folder / "models", ollama=folder / "no-ollama") as running:
        running.get("/v1/overview")
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile."""
    with profile(browser) as made:
        yield made


@contextlib.contextmanager
def profile(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
    made.add_init_script(WATCH)
    made.set_default_timeout(120_000)
    yield made
    made.close()


def milliseconds(values: Sequence[float]) -> str:
    return f"{min(values):.0f} to {max(values):.0f} ms"


def test_the_first_useful_view(promise: Callable[..., None], browser: Browser, service: Service) -> None:
    cold, warm, sizes = [], [], []
    for _ in range(VIEWS):
        with profile(browser) as context:
            page = context.new_page()
            received, stop = counted(page)
            for times in (cold, warm, warm):
                page.goto("about:blank")
                page.goto(service.url, wait_until="commit")
                times.append(page.evaluate("() => seen('tr.case')"))
                if times is cold:
                    page.wait_for_timeout(5000)
                    sizes.append(sum(received))
                    stop()
    for kind, times, goal_ms in (("cold", cold, 500), ("warm", warm, 200)):
        promise(
            f"first useful view, {kind}, 1,000 runs and 60 cases: median",
            goal=f"{goal_ms} ms",
            measured=f"{statistics.median(times):.0f} ms",
            interval=milliseconds(times),
            n=len(times),
            kept=statistics.median(times) <= goal_ms,
        )
    promise(
        "bytes on the wire of a first visit, with all that is fetched ahead",
        goal="600 KB",
        measured=f"{max(sizes) / 1000:.0f} KB",
        n=len(sizes),
        kept=max(sizes) <= 600_000,
    )


def test_a_history_of_1000_runs(promise: Callable[..., None], browser: Browser, service: Service) -> None:
    clicked, straight, hover, zoom = [], [], [], []
    case = f"/#/case/{case_key(1)}?metric=decode_tokens_per_s"
    for _ in range(VIEWS):
        with profile(browser) as context:
            page = context.new_page()
            page.goto(service.url + case, wait_until="commit")
            straight.append(page.evaluate("() => seen('.chart canvas')"))
        with profile(browser) as context:
            page = context.new_page()
            page.goto(service.url)
            page.evaluate("() => seen('tr.case')")
            page.wait_for_timeout(5000)
            clicked.append(page.evaluate("() => clicked('tr.case a', '.chart canvas')"))
            assert page.evaluate("() => inked('.chart canvas')")
            hover.append(hovered(page))
            zoom.append(zoomed(page))
    promise(
        "history of 1,000 runs from the click to the drawn chart: median",
        goal="300 ms",
        measured=f"{statistics.median(clicked):.0f} ms",
        interval=milliseconds(clicked),
        n=len(clicked),
        kept=statistics.median(clicked) <= 300,
    )
    promise(
        "the same as a link, in a fresh profile: median",
        goal="none",
        measured=f"{statistics.median(straight):.0f} ms",
        interval=milliseconds(straight),
        n=len(straight),
        kept=None,
    )
    for kind, frames in (("hover over", hover), ("zoom of", zoom)):
        every = list(itertools.chain(*frames))
        slow = sum(one > 50 for one in every)
        promise(
            f"{kind} 1,000 runs: longest frame",
            goal="50 ms",
            measured=f"{max(every):.0f} ms",
            interval=f"{slow} above 50 ms; the longest of each page {milliseconds([max(one) for one in frames])}",
            n=len(every),
            kept=slow == 0,
        )


def test_a_page_open_for_an_hour(promise: Callable[..., None], context: BrowserContext, service: Service) -> None:
    """3600 readings, 450 rounds, 36 cases and 900 questions of how the service stands, a second a frame."""
    run = a_run(id="20261123-000000-0a11", status=Status.RUNNING, started=datetime.now(timezone.utc))
    with open_store(service.database, write=True) as store:
        store.add_run(run, pid=1, cases=36)
        store.begin_result(run.id, a_case(), planned=12, position=1)
        context.add_init_script(FEED)
        page = context.new_page()
        page.goto(f"{service.url}/#/run/{run.id}")
        page.wait_for_selector(".live")
        found = [state_after(page, begin) for begin in range(0, HOUR_S, HOUR_S // 4)]
        store.update_run(run.id, status=Status.CANCELLED, ended=datetime.now(timezone.utc))
    quarter, hour = found[0], found[-1]
    mib = 2**20
    grown = (hour["JSHeapUsedSize"] - quarter["JSHeapUsedSize"]) / mib
    promise(
        "an hour of a live run: heap of the page after a collection, last quarter over the first",
        goal="flat (1 MiB)",
        measured=f"{grown:+.2f} MiB",
        interval=", ".join(f"{one['JSHeapUsedSize'] / mib:.2f}" for one in found) + " MiB",
        n=len(found),
        kept=grown <= 1,
    )
    for metric, what in (("JSEventListeners", "listeners"), ("Nodes", "nodes")):
        promise(
            f"the same: {what}",
            goal="flat (1 %)",
            measured=f"{hour[metric] - quarter[metric]:+.0f}",
            interval=", ".join(f"{one[metric]:.0f}" for one in found),
            n=len(found),
            kept=hour[metric] <= quarter[metric] * 1.01,
        )


def test_what_an_open_page_costs_a_measurement(
    promise: Callable[..., None],
    browser: Browser,
    sample: Mapping[str, str],  # noqa: F811
    tmp_path: Path,
) -> None:
    order, blocks = random.Random(7), []
    with served(tmp_path / "service", sample) as service, profile(browser) as context:
        (model,) = [entry["name"] for entry in service.get("/v1/models")["models"]]
        page = context.new_page()

        def rates(looked_at: Callable[[str], contextlib.AbstractContextManager[None]]) -> list[float]:
            wish = {"models": [model], "suites": ["decode"], "rounds": 5, "warmup": 1}
            run = service.post("/v1/runs", wish)["id"]
            with looked_at(run):
                while service.get(f"/v1/runs/{run}")["run"]["status"] in ("queued", "running"):
                    time.sleep(2.0)
            found: list[float] = rounds(service.get(f"/v1/runs/{run}?rounds=true"), "decode_tokens_per_s")
            return found

        @contextlib.contextmanager
        def nobody(_run: str) -> Iterator[None]:
            yield

        @contextlib.contextmanager
        def with_page(run: str) -> Iterator[None]:
            page.goto(f"{service.url}/#/run/{run}")
            yield
            page.goto("about:blank")

        asked: list[tuple[float, str]] = []
        began = time.perf_counter()
        page.on("request", lambda made: asked.append((time.perf_counter() - began, made.url)))
        rates(with_page)
        script = said(asked)

        for where, more in CORES.items():
            run = service.post("/v1/runs", {"models": [model], "suites": ["decode"], **more})["id"]
            calm = over_calm_moments(service, *watched(service, script, run))
            promise(
                f"model on {where}: decode rate while a light client asks what a page asks, over its calm moments",
                goal="0.99 (lower end)",
                measured=f"{calm.ratio:.4f}",
                interval=f"{calm.ci_low:.4f} to {calm.ci_high:.4f}",
                n=calm.n,
                kept=calm.ci_low is not None and calm.ci_low >= 0.99,
            )

        for _ in range(BLOCKS):
            arms = {"nobody": nobody, "page": with_page}
            measured = {name: rates(arms[name]) for name in order.sample([*arms], k=len(arms))}
            blocks.append((measured["nobody"], measured["page"]))
    found = compare_pairs(blocks, better="higher")
    promise(
        "the same with the page open in a browser on this machine, over nobody's: its own share",
        goal="none",
        measured=f"{found.ratio:.3f}",
        interval="no interval" if found.ci_low is None else f"{found.ci_low:.3f} to {found.ci_high:.3f}",
        n=BLOCKS,
        kept=None,
    )


def watched(
    service: Service, script: Sequence[tuple[float, str]], run: str
) -> tuple[Mapping[str, object], list[float]]:
    """The run to its end, asked and followed as a page does; when it was, in s since the epoch."""
    asked: list[float] = []
    told: list[float] = []
    over = threading.Event()
    asks = threading.Thread(target=replay, args=(service.port, script, run, over, asked))
    asks.start()
    follow(service.port, run, told)
    over.set()
    asks.join()
    found: Mapping[str, object] = service.get(f"/v1/runs/{run}?rounds=true")
    return found, asked + told


def counted(page: Page) -> tuple[list[int], Callable[[], None]]:
    """A list that grows by the bytes of every answer that the page gets over the wire, heads included; how to stop."""
    sizes: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda told: sizes.append(round(told["encodedDataLength"])))
    return sizes, session.detach


def hovered(page: Page) -> list[float]:
    """The frames in ms while the pointer goes along the chart."""
    box = page.locator(".chart").first.bounding_box()
    assert box is not None
    page.evaluate("() => framesOf()")
    for step in range(90):
        page.mouse.move(box["x"] + 80 + step * 10, box["y"] + 150 + step % 7 * 10)
        page.wait_for_timeout(16)
    found: list[float] = page.evaluate("() => framesOf()")
    return found


def zoomed(page: Page) -> list[float]:
    """The frames in ms while it is zoomed in and out by the wheel."""
    page.evaluate("() => framesOf()")
    page.keyboard.down("Control")
    for step in range(30):
        page.mouse.wheel(0, -120 if step < 15 else 120)
        page.wait_for_timeout(40)
    page.keyboard.up("Control")
    page.wait_for_timeout(500)
    found: list[float] = page.evaluate("() => framesOf()")
    return found


def state_after(page: Page, begin: int) -> Mapping[str, float]:
    """What Chromium tells of the page when the next quarter of an hour has been told and its waste collected."""
    page.evaluate("([begin, seconds]) => lived(begin, seconds)", [begin, HOUR_S // 4])
    session = page.context.new_cdp_session(page)
    for command in ("HeapProfiler.enable", "Performance.enable", "HeapProfiler.collectGarbage"):
        session.send(command)
    page.wait_for_timeout(500)
    session.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return found


def said(asked: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """The calls of the API but for the event stream: when after the first one, and the path with RUN for the run."""
    calls = [(at_s, urlsplit(url)) for at_s, url in asked]
    paths = [(at_s, f"{url.path}?{url.query}".rstrip("?")) for at_s, url in calls if url.path.startswith("/v1/")]
    run = next(path.split("/")[3].partition("?")[0] for _, path in paths if path.startswith("/v1/runs/"))
    start = paths[0][0]
    return [(at_s - start, path.replace(run, "RUN")) for at_s, path in paths if "/events" not in path]


def replay(port: int, script: Sequence[tuple[float, str]], run: str, over: threading.Event, asked: list[float]) -> None:
    """Asks what a page asked, when it did, on a connection each; all of it again where the run lasts longer."""
    length_s = script[-1][0] + 1.0
    began = time.perf_counter()
    for turn in itertools.count():
        for at_s, path in script:
            if over.wait(max(0.0, began + turn * length_s + at_s - time.perf_counter())):
                return
            asked.append(time.time())
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request("GET", path.replace("RUN", run), headers={"Accept-Encoding": "gzip"})
                connection.getresponse().read()


def follow(port: int, run: str, told: list[float]) -> None:
    """Hears the events of the run to its end."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=600)) as connection:
        connection.request("GET", f"/v1/runs/{run}/events")
        for line in connection.getresponse():
            if line.startswith(b"event"):
                told.append(time.time())
