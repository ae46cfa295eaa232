"""A run as it is shown over HTTP: the document, and what a page draws beside it."""

from __future__ import annotations

from dataclasses import replace

from orac_bench.api.shown import shown
from orac_bench.records import Failure, Json, Result, Status
from orac_bench.store.document import document
from orac_bench.store.marks import Annotation
from tests.builders import a_case, a_result, a_round, a_run, later

FAILURE = Failure(code="ollama_refused", message="Ollama refused at /var/lib/orac.")


def concealed(text: str) -> str:
    return text.replace("/var/lib/orac", "ORAC_HOME")


def test_everything_of_the_document_is_there_unchanged() -> None:
    run, results = a_run(status=Status.DONE, ended=later(90)), [a_result(rounds=[a_round(index=0)])]
    told, plain = shown(run, results, (), rounds=True, concealed=concealed), document(run, results, rounds=True)
    (result,), (same,) = told["results"], plain["results"]
    assert told["conditions"] == plain["conditions"]
    assert {key: told["run"][key] for key in plain["run"]} == plain["run"]
    assert {key: result[key] for key in same if key != "rounds"} == {key: same[key] for key in same if key != "rounds"}
    assert {key: result["rounds"][0][key] for key in same["rounds"][0]} == same["rounds"][0]


def test_a_round_tells_when_it_began_on_the_clock_of_the_readings() -> None:
    rounds = [a_round(index=0, started=later(12.5)), replace(a_round(index=1, started=later(14)), block=3)]
    (result,) = shown(a_run(), [a_result(rounds=rounds)], (), rounds=True, concealed=concealed)["results"]
    assert [(one["started_s"], one["block"]) for one in result["rounds"]] == [(12.5, None), (14.0, 3)]


def test_what_went_wrong_is_told_without_paths() -> None:
    result = a_result(status=Status.FAILED, failure=FAILURE, rounds=[a_round(failure=FAILURE)])
    told = shown(a_run(error="It broke in /var/lib/orac."), [result], (), rounds=True, concealed=concealed)
    wrong = {"code": "ollama_refused", "message": "Ollama refused at ORAC_HOME."}
    assert told["run"]["error"] == "It broke in ORAC_HOME."
    assert (told["results"][0]["error"], told["results"][0]["rounds"][0]["error"]) == (wrong, wrong)


def test_a_run_says_how_it_was_measured() -> None:
    def result(key: str, **facts: Json) -> Result:
        return replace(a_result(facts=facts), case=replace(a_case(), key=key))

    plain = document(a_run(), [result("a")], rounds=False)["run"]
    assert isinstance(plain, dict)
    assert [plain[key] for key in ("blocks", "paired", "precision", "canary")] == [None, False, None, None]
    results = [
        result("small", canary=True),
        result("a", blocks=10, pair={"with": "b", "side": "base"}, precision={"wanted": 0.02, "stopped": "time"}),
        result("b", blocks=10),
    ]
    told = shown(a_run(), results, (), rounds=False, concealed=concealed)["run"]
    assert isinstance(told, dict)
    assert [told[key] for key in ("blocks", "paired", "precision", "canary")] == [10, True, 0.02, "small"]


def test_a_result_says_what_its_plan_counts() -> None:
    def told(result: Result, *arguments: str) -> tuple[Json, Json]:
        run = replace(a_run(), arguments=arguments)
        (one,) = shown(run, [result], (), rounds=False, concealed=concealed)["results"]
        return one["planned_unit"], one["planned_at_least"]

    timed = replace(a_result(), case=replace(a_case(), options={"time_limit_s": 600.0}))
    assert told(a_result()) == ("rounds", False)
    assert told(timed) == ("s", False)
    assert told(a_result(facts={"precision": {"wanted": 0.02}})) == ("rounds", True)  # of another board's export
    assert told(a_result(), "--orac-precision", "0.02") == ("rounds", True)  # not over yet


def test_answers_pairs_and_annotations_stand_beside_their_results() -> None:
    facts = {"answer": "By the sea.", "pair": {"with": "other", "side": "base"}}
    note = Annotation(run="20261122-120000-abcd", case=None, at=later(5), text="new fan")
    told = shown(a_run(), [a_result(facts=facts)], [note], rounds=False, concealed=concealed)
    (result,) = told["results"]
    assert (result["answer"], result["pair"]["side"]) == ("By the sea.", "base")
    assert (result["started"], result["ended"]) == ("2026-11-22T12:00:00.000000Z", "2026-11-22T12:01:00.000000Z")
    assert "rounds" not in result
    assert told["annotations"] == [
        {"run": "20261122-120000-abcd", "case": None, "at": "2026-11-22T12:00:05.000000Z", "text": "new fan"}
    ]
