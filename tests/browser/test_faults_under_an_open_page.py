"""What an open page does when its service is slow, wrong, closed to it or gone: it says so and comes back."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.cable import cable_to
from tests.browser.views import NAMES, addresses, settled
from tests.service import Service, running_service
from tests.waiting import eventually

WHOLE = {
    "overview": "**/v1/overview",
    "models": "**/v1/models",
    "benchmark": "**/v1/models",
    "runs": "**/v1/runs?*",
    "run": "**/v1/runs/*-bad0",
    "history": "**/v1/history?*",
    "compare": "**/v1/compare?*",
}
"""What each view cannot be without."""
TROUBLES = ("Failed to load resource", "SyntaxError", "is not valid JSON", "EventSource")


@pytest.fixture
def faulty(expected: list[str]) -> None:
    """The browser's own words for what these tests bring about."""
    expected.extend(TROUBLES)


@pytest.mark.usefixtures("faulty")
@pytest.mark.parametrize("name", NAMES)
def test_a_view_whose_answer_fails_says_so_and_recovers(page: Page, filled: Service, name: str) -> None:
    answers = iter(
        [
            {"status": 500, "json": {"title": "It broke", "detail": "A disk is full.", "next": "Make room."}},
            {"status": 503, "body": "<h1>503</h1>", "content_type": "text/html"},
            {"status": 200, "body": '{"cases": [', "content_type": "application/json"},
        ]
    )

    def answer(route: Route) -> None:
        told = next(answers, None)
        route.continue_() if told is None else route.fulfill(**told)  # type: ignore[arg-type]

    page.route(WHOLE[name], answer)
    page.goto(addresses(filled)[name])
    trouble = page.locator("main .trouble")
    expect(trouble).to_contain_text("It broke. A disk is full.")
    expect(trouble).to_contain_text("Make room.")
    trouble.get_by_role("button", name="Try again").click()
    expect(trouble).to_contain_text("The service answered 503.")
    trouble.get_by_role("button", name="Try again").click()
    expect(trouble).to_contain_text("cannot be read")
    trouble.get_by_role("button", name="Try again").click()
    expect(trouble).to_have_count(0)
    settled(page)


@pytest.mark.usefixtures("faulty")
def test_a_round_whose_tokens_fail_says_so_and_one_that_comes_late_stands_under_no_other_s_name(
    page: Page, filled: Service
) -> None:
    held: list[Route] = []
    broken = {"title": "It broke", "detail": "A disk is full."}
    page.route("**/rounds/5/chunks?*", lambda route: held.append(route))
    page.route("**/rounds/4/chunks?*", lambda route: route.fulfill(status=500, json=broken), times=1)
    page.goto(f"{addresses(filled)['run']}?case=ca5e000000000001&round=measure-5")
    page.get_by_text("rounds as a table").click()
    # given round 5, which broke off after 57 tokens, still on its way when another one is chosen
    timeline = page.get_by_role("region", name="Timeline")
    page.get_by_role("button", name="round 3", exact=True).click()
    expect(timeline).to_contain_text("The board under the tokens of round 3")
    expect(timeline).to_contain_text("128 arrivals.")
    held[0].fulfill(json={"t_s": [0.1]})
    page.evaluate("() => fetch('/v1/health').then(() => new Promise(requestAnimationFrame))")
    expect(timeline).to_contain_text("128 arrivals. Where a line is broken, nothing was read.", timeout=5_000)
    page.get_by_role("button", name="round 4", exact=True).click()
    expect(page.locator("main .trouble")).to_contain_text("It broke. A disk is full.")
    page.get_by_role("button", name="Try again").click()
    expect(timeline).to_contain_text("The board under the tokens of round 4")


@pytest.mark.parametrize("name", NAMES)
def test_a_view_that_waits_says_that_it_loads(page: Page, filled: Service, name: str) -> None:
    held: list[Route] = []
    page.route(WHOLE[name], lambda route: held.append(route))
    with page.expect_request(WHOLE[name]):
        page.goto(addresses(filled)[name])
    expect(page.locator("main")).to_contain_text("Loading …")
    expect(page.locator("main [aria-busy=true]").first).to_be_attached()
    assert held
    for route in held:
        route.continue_()
    settled(page)
    expect(page.locator("main")).not_to_contain_text("Loading …")


@pytest.mark.usefixtures("faulty")
@pytest.mark.parametrize("part", ["app.js", "begin.js", "style.css"])
def test_a_page_of_which_a_part_does_not_come_begins_anew_by_itself(page: Page, filled: Service, part: str) -> None:
    page.route(f"**/{part}", lambda route: route.abort(), times=1)
    page.goto(filled.url)
    if part == "app.js":
        expect(page.get_by_role("alert")).to_contain_text("A part of this page did not come: app.js.")
    expect(page.locator("main tbody tr")).to_have_count(60)
    if part == "style.css":
        expect(page.locator("header").first).to_have_css("position", "sticky")


@pytest.mark.usefixtures("faulty")
def test_a_page_of_which_a_part_never_comes_begins_anew_three_times_and_says_which(page: Page, filled: Service) -> None:
    loads: list[str] = []
    page.on("request", lambda request: loads.append(request.url) if request.is_navigation_request() else None)
    page.route("**/app.js", lambda route: route.abort())
    page.goto(filled.url)
    expect(page.get_by_role("alert")).to_contain_text("A part of this page does not come: app.js.", timeout=15_000)
    assert len(loads) == 1 + 3
    page.wait_for_timeout(2_500)  # longer than it waits before it begins anew
    assert len(loads) == 1 + 3
    # and who has mended it loads it again
    page.unroute("**/app.js")
    page.reload()
    expect(page.locator("main tbody tr")).to_have_count(60)


@pytest.mark.usefixtures("faulty")
def test_a_page_asks_for_the_token_once_and_says_when_it_is_wrong(page: Page, guarded: Service) -> None:
    page.goto(f"{guarded.url}/#/models")
    page.get_by_role("button", name="Load pythia-70m").click()
    dialog = page.get_by_role("dialog", name="This needs the token")
    expect(dialog).not_to_contain_text("not right")
    dialog.get_by_label("Token").fill("guessed")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.get_by_role("alert")).to_have_text("That token was not right.")
    dialog.get_by_label("Token").fill("sesame")
    page.keyboard.press("Enter")
    row = page.locator("tr[data-model='pythia-70m']")
    expect(row).to_contain_text("Loaded in")
    row.get_by_role("button", name="Unload").click()
    expect(row).to_contain_text("Unloaded in")
    expect(dialog).to_have_count(0)
    # and who gives none is told what to do
    page.evaluate("() => sessionStorage.clear()")
    row.get_by_role("button", name="Load").click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(row.get_by_role("alert")).to_contain_text("ORAC_TOKEN")


@pytest.mark.usefixtures("faulty")
def test_who_only_looks_is_not_asked_for_the_token(page: Page, guarded: Service) -> None:
    for view in ("", "models", "runs", "compare", "benchmark"):
        page.goto(f"{guarded.url}/#/{view}")
        settled(page)
    expect(page.get_by_text("How long it takes is told to who has the service's token.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Give the token").click()
    page.get_by_role("dialog", name="This needs the token").get_by_label("Token").fill("sesame")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile(r"^\d+ cases, "))).to_be_visible()


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, tiny_models: Path, ollama_binary: Path, board: Mapping[str, str]
) -> Iterator[Service]:
    """A service that must be given the token `sesame`."""
    folder = tmp_path_factory.mktemp("guarded")
    with running_service(folder, models=tiny_models, ollama=ollama_binary, ORAC_TOKEN="sesame", **board) as service:
        service.ready()
        yield service


@pytest.mark.usefixtures("faulty")
def test_a_service_that_was_killed_is_missed_and_its_run_goes_on_without_doubles(
    page: Page, tmp_path: Path, tiny_models: Path, ollama_binary: Path, board_without_power: Mapping[str, str]
) -> None:
    page.add_init_script(KEEPS_WHAT_IS_SAID)
    with running_service(tmp_path, models=tiny_models, ollama=ollama_binary, **board_without_power) as service:
        service.ready()
        wish = {"models": ["pythia-70m"], "suites": ["first_token"], "rounds": 20, "warmup": 0}
        run = service.post("/v1/runs", wish).json["id"]
        page.goto(f"{service.url}/#/run/{run}")
        live = page.get_by_role("region", name="Live")
        expect(live).to_contain_text(re.compile(r"Case 1 of 1: .* round [1-9]\d* of 20"), timeout=90_000)
        service.end(signal.SIGKILL)
        expect(page.locator("#banner")).to_contain_text("The service does not answer.")
        expect(page.locator("#state")).to_have_text("no answer")
        expect(live).to_contain_text("what follows is told when it is back")
    with running_service(
        tmp_path, models=tiny_models, ollama=ollama_binary, port=service.port, **board_without_power
    ) as back:
        expect(page.locator("#banner")).not_to_contain_text("does not answer")
        expect(page.locator("main h1 + p [data-status=done]")).to_be_visible(timeout=180_000)
        assert back.get(f"/v1/runs/{run}").json["results"][0]["done"] == 20, back.get(f"/v1/runs/{run}/log").text
        expect(page.get_by_role("region", name="Rounds")).to_contain_text("20 of 20")
    # its case began anew, once, and every round of it was counted once
    counts = page.evaluate("() => window.said")
    assert [before > after for before, after in pairwise(counts)].count(True) == 1
    assert max(counts) == counts[-1] == 20
    assert page.evaluate("() => window.doubled") == []


@pytest.mark.usefixtures("faulty")
def test_a_page_whose_network_is_gone_says_so_and_follows_its_run_again_when_it_is_back(
    page: Page, tmp_path: Path, tiny_models: Path, ollama_binary: Path, board_without_power: Mapping[str, str]
) -> None:
    with (
        running_service(tmp_path, models=tiny_models, ollama=ollama_binary, **board_without_power) as service,
        cable_to(service.port) as cable,
    ):
        service.ready()
        wish = {"models": ["pythia-70m"], "suites": ["first_token"], "rounds": 8, "warmup": 0, "output_tokens": 4}
        run = service.post("/v1/runs", wish).json["id"]
        page.goto(f"http://127.0.0.1:{cable.port}/#/run/{run}")
        live = page.get_by_role("region", name="Live")
        expect(live).to_contain_text(re.compile(r"Case 1 of 1: .* round [1-9]\d* of 8"), timeout=90_000)
        # given connections that nobody closes and nothing comes through
        cable.pull()
        expect(page.locator("#banner")).to_contain_text("The service does not answer.")
        expect(live).to_contain_text("what follows is told when it is back")
        eventually(lambda: service.get(f"/v1/runs/{run}").json["run"]["status"] == "done", within_s=180)
        # then what the page missed is told when it is back, though its stream of events is open and dead
        cable.plug()
        expect(page.locator("#banner")).not_to_contain_text("does not answer")
        expect(page.locator("main h1 + p [data-status=done]")).to_be_visible()
        expect(page.get_by_role("region", name="Rounds")).to_contain_text("8 of 8")


@pytest.mark.usefixtures("faulty")
def test_a_page_whose_network_goes_before_all_its_views_are_there_comes_back_with_the_one_that_was_wanted(
    page: Page, filled: Service
) -> None:
    with cable_to(filled.port) as cable:
        page.goto(f"http://127.0.0.1:{cable.port}")
        settled(page)
        cable.pull()
        # given more views that are waited for than a browser has connections to one service
        for name in ("Models", "Benchmark", "Runs", "Compare", "Models", "Benchmark", "Runs"):
            page.get_by_role("navigation").get_by_role("link", name=name).click()
            expect(page.locator("main")).to_contain_text("Loading …")
        expect(page.locator("#banner")).to_contain_text("The service does not answer.")
        cable.plug()
        expect(page.locator("#banner")).not_to_contain_text("does not answer")
        expect(page.locator("main tbody tr").first).to_be_visible()
        expect(page).to_have_title(re.compile("^Runs "))


KEEPS_WHAT_IS_SAID = """
window.said = [];
window.doubled = [];
new MutationObserver(() => {
    const found = /round (\\d+) of/.exec(document.querySelector(".live p[aria-live]")?.textContent ?? "");
    if (found && window.said.at(-1) !== Number(found[1])) window.said.push(Number(found[1]));
    const rounds = [...document.querySelectorAll(".live li > span:first-child")].map((one) => one.textContent);
    if (new Set(rounds).size < rounds.length) window.doubled.push(rounds);
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
"""How many rounds the page has said to be done, one after the other, and lists that had a round twice."""
