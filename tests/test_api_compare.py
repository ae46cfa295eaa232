"""Comparisons, histories, the overview and marks over HTTP: documents, and what bad input gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from orac_bench.store.store import open_store
from tests.builders import a_case, a_conditions, later
from tests.histories import DECODE, FIRST, Took, measured, nightly, scaled
from tests.service import Service, running_service

LEVELS = [level + off for level in (50.0, 45.0) for off in (0.0, 0.2, -0.1, 0.1, -0.2) * 2]
OTHER = a_case(key="0ther00000000001", suite="decode", model="huge", model_digest="sha256:huge")


@pytest.fixture(scope="module")
def service(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose store has twenty nights of one case, and two runs of three others."""
    folder = tmp_path_factory.mktemp("judged")
    with open_store(f"sqlite:///{folder}/orac.db", write=True) as store:
        nightly(store, LEVELS)
        ttft = Took(metric="ttft_s", values=scaled(1 / 250))
        measured(store, "base", [(FIRST, ttft), (OTHER, Took())], started=later(-10))
        worse = Took(metric="ttft_s", values=scaled(1.2 / 250))
        measured(store, "cand", [(FIRST, worse), (OTHER, Took(values=scaled(1.001)))], started=later(-5))
        hot = a_conditions(hash="h07", facts={"board": "orin", "power_mode": "15W"})
        measured(store, "elsewhere", [(OTHER, Took())], started=later(-3), conditions=hot)
    with running_service(folder, models=tiny_models, ORAC_OLLAMA_BIN="/nowhere/ollama") as started:
        yield started


def test_two_runs_are_compared_as_in_the_shell(service: Service) -> None:
    answer = service.get("/v1/compare?base=base&candidate=cand&fail_on=ttft_s:5%25")
    assert answer.status == 200
    body = answer.json
    assert (body["base"], body["candidate"], body["conditions_differ"]) == ("base", "cand", {})
    assert [(row["case"], row["verdict"], row["failed_on"]) for row in body["cases"]] == [
        (FIRST.key, "slower", True),
        (OTHER.key, "same", False),
    ]
    assert body["cases"][0]["ratio"] == pytest.approx(1.2)
    assert body["cases"][0]["ci_low"] > 1.05


def test_several_candidates_are_told_apart(service: Service) -> None:
    body = service.get("/v1/compare?base=base:huge&candidate=cand&candidate=elsewhere").json
    assert body["candidate"] == ["cand", "elsewhere"]
    assert body["conditions_differ"] == {"power_mode": ["MAXN", "MAXN", "15W"]}
    assert [(row["candidate_run"], row["verdict"]) for row in body["cases"]] == [
        ("cand", "same"),
        ("elsewhere", "inconclusive"),
    ]
    across = service.get("/v1/compare?base=base:huge&candidate=elsewhere&across_conditions=true").json
    assert [row["verdict"] for row in across["cases"]] == ["same"]


@pytest.mark.parametrize(
    ("query", "status", "kind", "wrong"),
    [
        ("base=base&candidate=nothing", 404, "unknown_run", "There is no run nothing"),
        ("base=base:phi-2&candidate=cand", 404, "unknown_case", "Run base has no case phi-2"),
        ("base=base&candidate=base", 422, "usage", "compared with itself"),
        ("base=base", 422, "usage", "not a paired one"),
        ("base=base&candidate=night-00", 422, "usage", "no case in common"),
        ("base=base&candidate=cand&metric=decode", 422, "usage", "There is no metric 'decode'; near it: "),
        ("base=base&candidate=cand&fail_on=ttft_s", 422, "usage", "has no number in percent"),
        ("candidate=cand", 422, "invalid", "query.base"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_way_out(
    service: Service, query: str, status: int, kind: str, wrong: str
) -> None:
    answer = service.get(f"/v1/compare?{query}")
    assert (answer.status, answer.problem["type"]) == (status, f"/docs#{kind}")
    assert wrong in answer.problem["detail"]
    assert answer.problem["next"]


def test_cases_are_listed_the_newest_first(service: Service) -> None:
    body = service.get("/v1/cases").json
    assert {(case["case"], case["model"], case["suite"], case["runs"]) for case in body["cases"]} == {
        (DECODE.key, "tiny", "decode", 20),
        (FIRST.key, "tiny", "first_token", 2),
        (OTHER.key, "huge", "decode", 3),
    }
    assert body["cases"][0]["metrics"] == ["decode_tokens_per_s"]


def test_a_case_over_time_has_its_points_and_the_changes(service: Service) -> None:
    body = service.get(f"/v1/history?case={OTHER.key}").json
    assert [point["run"] for point in body["points"]] == ["base", "cand", "elsewhere"]
    assert body["changes"] == [
        {
            "at_run": "elsewhere",
            "ratio": None,
            "cause": "conditions: power_mode MAXN to 15W",
            "acknowledged": False,
        }
    ]
    assert [one["at_run"] for one in service.get(f"/v1/history?case={DECODE.key}").json["changes"]] == ["night-10"]


@pytest.mark.parametrize(
    ("query", "status", "wrong"),
    [
        ("case=nothing", 404, "There is no case nothing"),
        (f"case={DECODE.key}&metric=decode", 422, "There is no metric 'decode'"),
        ("", 422, "query.case"),
    ],
)
def test_a_history_of_nothing_is_refused(service: Service, query: str, status: int, wrong: str) -> None:
    answer = service.get(f"/v1/history?{query}")
    assert answer.status == status
    assert wrong in answer.problem["detail"]


def test_the_overview_has_the_worst_first_beside_its_baseline(service: Service) -> None:
    body = service.get("/v1/overview").json
    assert [(case["case"], case["run"], case["baseline"], case["verdict"]) for case in body["cases"]] == [
        (FIRST.key, "cand", "base", "slower"),
        (OTHER.key, "elsewhere", "cand", "inconclusive"),
        (DECODE.key, "night-19", "night-18", "same"),
    ]
    worst = body["cases"][0]
    assert (worst["metric"], worst["unit"], worst["better"]) == ("ttft_s", "s", "lower")
    assert worst["spark"] == [pytest.approx(0.2), pytest.approx(0.24)]
    assert worst["last"]["n"] == 10
    assert body["board"]["status"] in ("ok", "degraded")
    assert "reading" in body["board"]


def test_a_baseline_is_set_used_by_the_overview_and_removed(service: Service) -> None:
    assert service.post("/v1/baselines", {"name": "main", "run": "night-00"}).json == {
        "name": "main",
        "run": "night-00",
    }
    assert service.get("/v1/baselines").json == {"baselines": [{"name": "main", "run": "night-00"}]}
    named = {case["case"]: case for case in service.get("/v1/overview").json["cases"]}[DECODE.key]
    assert (named["baseline"], named["verdict"]) == ("main", "slower")
    assert service.get("/v1/compare?base=main&candidate=night-19").json["base"] == "night-00"
    refused = service.delete("/v1/runs/night-00")
    assert (refused.status, refused.problem["type"]) == (409, "/docs#run_named")
    assert service.delete("/v1/baselines/main").status == 204
    gone = service.delete("/v1/baselines/main")
    assert (gone.status, gone.problem["type"]) == (404, "/docs#unknown_baseline")
    assert service.get("/v1/baselines").json == {"baselines": []}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "Main", "run": "base"}, 422),
        ({"name": "latest-one", "run": "base"}, 422),
        ({"name": "main", "run": "nothing"}, 404),
        ({"name": "main"}, 422),
        ({"name": "main", "run": "base", "more": 1}, 422),
    ],
)
def test_a_baseline_that_cannot_be_is_refused(service: Service, body: object, status: int) -> None:
    answer = service.post("/v1/baselines", body)
    assert (answer.status, answer.problem["status"]) == (status, status)


def test_a_note_is_written_beside_a_run_and_shown_in_its_history(service: Service) -> None:
    written = service.post("/v1/runs/cand/annotations", {"text": "new fan", "case": FIRST.key})
    assert written.status == 201
    assert (written.json["run"], written.json["case"], written.json["text"]) == ("cand", FIRST.key, "new fan")
    shown = service.get(f"/v1/history?case={FIRST.key}").json["annotations"]
    assert [(note["run"], note["text"]) for note in shown] == [("cand", "new fan")]
    assert service.post("/v1/runs/nothing/annotations", {"text": "new fan"}).status == 404
    assert service.post("/v1/runs/cand/annotations", {"text": "new fan", "case": "nothing"}).status == 404
    assert service.post("/v1/runs/cand/annotations", {"text": ""}).status == 422


def test_a_change_is_known_once_it_is_acknowledged_and_no_news_in_the_overview(service: Service) -> None:
    body = {"case": DECODE.key, "metric": "decode_tokens_per_s", "at_run": "night-10", "text": "new fan"}
    assert service.post("/v1/changes/acknowledge", body).json == body
    assert [one["acknowledged"] for one in service.get(f"/v1/history?case={DECODE.key}").json["changes"]] == [True]
    assert service.post("/v1/baselines", {"name": "main", "run": "night-00"}).status == 201
    rows = [(case["case"], case["acknowledged"]) for case in service.get("/v1/overview").json["cases"]]
    assert rows[:2] == [(FIRST.key, False), (DECODE.key, True)]
    assert service.delete("/v1/baselines/main").status == 204
    wrong = service.post("/v1/changes/acknowledge", {**body, "at_run": "night-03"})
    assert (wrong.status, "did not change at run night-03" in wrong.problem["detail"]) == (422, True)
    assert service.post("/v1/changes/acknowledge", {**body, "case": "nothing"}).status == 404
    assert service.post("/v1/changes/acknowledge", {**body, "metric": "nothing"}).status == 422


def test_what_is_measured_meanwhile_is_in_the_next_answer(service: Service) -> None:
    before = len(service.get(f"/v1/history?case={FIRST.key}").json["points"])
    with open_store(service.database, write=True) as store:
        measured(store, "meanwhile", [(FIRST, Took(metric="ttft_s", values=scaled(1 / 250)))], started=later(-1))
    assert len(service.get(f"/v1/history?case={FIRST.key}").json["points"]) == before + 1
    assert service.delete("/v1/runs/meanwhile").status == 204
    assert len(service.get(f"/v1/history?case={FIRST.key}").json["points"]) == before


@pytest.mark.parametrize("odd", ["%00", "\U0001f600", "a" * 150, "../..", "' OR 1=1"])
def test_odd_names_are_refused_and_never_a_fault(service: Service, odd: str) -> None:
    for path in (f"/v1/history?case={quote(odd)}", f"/v1/compare?base={quote(odd)}&candidate=cand"):
        assert service.get(path).status in (404, 422)
