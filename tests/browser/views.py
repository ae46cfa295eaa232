"""The seven views by name: where each is on a service, and when one has drawn all that it fetches."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from playwright.sync_api import Page, expect

from tests.service import Service
from tests.waiting import eventually

NAMES = ("overview", "models", "benchmark", "runs", "run", "history", "compare")
CHARTS = {"run": 2, "history": 1, "compare": 1}


def at_rest(service: Service) -> None:
    """Cancels what a service measures or is about to, and waits until it does neither."""
    for run in service.get("/v1/runs?limit=10").json["runs"]:
        if run["status"] in ("queued", "running"):
            service.post(f"/v1/runs/{run['id']}/cancel")
    eventually(lambda: service.get("/v1/health").json["measuring"] is None, within_s=120)


@cache
def addresses(service: Service) -> Mapping[str, str]:
    """The address of each view on a filled store: the troubled run of today, and the case that has become slower.

    Asked for once: they stay what they are, and nearly every test wants them.
    """
    runs = [one["id"] for one in service.get("/v1/runs?limit=50").json["runs"]]
    worst = service.get("/v1/overview").json["cases"][0]
    sound, troubled = (next(run for run in runs if run.endswith(end)) for end in ("-50d0", "-bad0"))
    return {
        name: f"{service.url}/#/{where}"
        for name, where in {
            "overview": "",
            "models": "models",
            "benchmark": "benchmark",
            "runs": "runs",
            "run": f"run/{troubled}",
            "history": f"case/{worst['case']}?metric={worst['metric']}",
            "compare": f"compare?base={sound}&candidate={troubled}",
        }.items()
    }


def settled(page: Page, charts: int = 0) -> None:
    """Waits until the view has fetched what it shows and has drawn so many charts."""
    expect(page.locator("main h1").first).to_be_visible()
    expect(page.locator("main [aria-busy]")).to_have_count(0)
    expect(page.locator("main .estimate:empty")).to_have_count(0)
    if charts:
        expect(page.locator("main .chart:has(canvas)")).to_have_count(charts)


def opened(page: Page, service: Service, name: str) -> None:
    """Opens the view `name` of a filled service and waits for it."""
    page.goto(addresses(service)[name])
    settled(page, CHARTS.get(name, 0))
