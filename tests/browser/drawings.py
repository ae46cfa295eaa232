"""What a chart of the page has drawn: asked of the library itself, as a canvas has no elements to look at."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page

ASKED = """async (place) => {
    const library = () => performance.getEntriesByType("resource").find((one) => one.name.endsWith("/echarts.js"));
    const found = async () => library() && (await import(library().name)).getInstanceByDom(place);
    let chart;
    for (const begun = performance.now(); !(chart = await found())?.getOption()?.series; ) {
        if (performance.now() - begun > 20_000) throw new Error("No chart is drawn here.");
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    %s
}"""
DRAWN = """
    const { series, xAxis, yAxis, dataZoom, axisPointer, tooltip } = chart.getOption();
    return JSON.parse(JSON.stringify({ series, xAxis, yAxis, dataZoom, axisPointer, tooltip }));
"""
PIXEL = """
    const [across, up] = chart.convertToPixel({ gridIndex: %d }, %s);
    const { left, top } = place.getBoundingClientRect();
    return [left + across, top + up];
"""


def drawn(chart: Locator) -> dict[str, Any]:
    """The description of a `.chart` as the library holds it: series, axes, zoom. Waits until it is drawn."""
    chart.scroll_into_view_if_needed()
    found: dict[str, Any] = chart.evaluate(ASKED % DRAWN)
    return found


def series(chart: Locator) -> dict[str, Any]:
    """Its series by their ids."""
    return {one["id"]: one for one in drawn(chart)["series"]}


def point(chart: Locator, at: tuple[float, float], *, grid: int = 0) -> tuple[float, float]:
    """Where on the page a value of the chart is, for the mouse."""
    chart.scroll_into_view_if_needed()
    across, up = chart.evaluate(ASKED % (PIXEL % (grid, list(at))))
    return across, up


def hover(page: Page, chart: Locator, at: tuple[float, float], *, grid: int = 0) -> None:
    """Moves the mouse onto a value of the chart."""
    page.mouse.move(0, 0)
    page.mouse.move(*point(chart, at, grid=grid), steps=3)
