"""What is new comes into the page while a person types: nothing that they hold is taken away."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from playwright.sync_api import Page, expect

from orac_bench.lock import measuring_alone
from orac_bench.records import Status
from orac_bench.store.store import open_store
from tests.builders import a_case, a_round, a_run
from tests.service import Service

NEW = "a-new-model"


def test_who_types_a_filter_while_a_run_ends_goes_on_typing(page: Page, own: Service) -> None:
    own.ready()
    page.goto(own.url)
    count, unsure = page.locator(".count"), page.locator(".chip.unsure")
    expect(count).to_contain_text("cases, the worst first")
    cases, inconclusive = number(count.inner_text().split(" of ")[1]), number(unsure.inner_text())
    run = f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-0e4d"
    with measuring_alone(own.home / "measure.lock", what="a test", waiting=None) as turn:
        turn.tell(run=run, cases_done=0, cases=1, likely_over=None)
        expect(page.get_by_role("link", name="measuring")).to_be_visible()
        box = page.get_by_role("searchbox", name="Model")
        box.press_sequentially("model")
        box.press("ArrowLeft")
        page.evaluate("() => { window.before = document.activeElement; }")
        measured(own, run)
    expect(page.get_by_role("row").filter(has_text=NEW)).to_be_visible()

    expect(count).to_have_text(f"1 of {cases + 1} cases, the worst first")
    expect(unsure).to_have_text(f"{inconclusive + 1} inconclusive")
    assert page.evaluate("() => document.activeElement === window.before")
    assert page.evaluate("() => [document.activeElement.value, document.activeElement.selectionStart]") == ["model", 4]


def test_runs_that_are_chosen_stay_so_when_the_list_is_drawn_anew(page: Page, own: Service) -> None:
    page.goto(f"{own.url}/#/runs")
    boxes = page.get_by_role("checkbox")
    chosen = [1, 3]
    for at in chosen:
        boxes.nth(at).check()
    page.evaluate("() => { window.before = document.querySelector('main table'); }")
    with measuring_alone(own.home / "measure.lock", what="a test", waiting=None) as turn:
        turn.tell(run="somebody", cases_done=0, cases=1, likely_over=None)
        page.wait_for_function("() => !window.before.isConnected && document.querySelector('main table')")
    expect(page.get_by_role("link", name="Compare 2 runs")).to_be_visible()
    assert [at for at, box in enumerate(boxes.all()) if box.is_checked()] == chosen


def number(text: str) -> int:
    """The number that `text` begins with."""
    return int(text.split()[0])


def measured(service: Service, run: str) -> None:
    """A run of one case of a model that was never measured before."""
    now = datetime.now(timezone.utc)
    with open_store(service.database, write=True) as store:
        begun = a_run(id=run, started=now)
        store.add_run(begun, pid=1)
        handle = store.begin_result(run, a_case(model=NEW), planned=6, position=1)
        for index in range(6):
            store.add_round(handle, a_round(index=index, started=now), headlines=("ttft_s",))
        store.close_result(handle, status=Status.DONE)
        store.update_run(run, status=Status.DONE, ended=now + timedelta(seconds=9))
