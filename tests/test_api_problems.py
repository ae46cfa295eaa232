"""Every class of errors as a problem: its status, and nothing of this machine's places in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from orac_bench import errors
from orac_bench.api.problems import concealed, kind_of, problem
from orac_bench.errors import Busy, Holder, OracError
from orac_bench.ollama.locate import find_ollama
from orac_bench.settings import Settings, read_settings

STATUSES = {
    "UnknownModel": 404,
    "UnknownRun": 404,
    "UnknownCase": 404,
    "UnknownRound": 404,
    "UnknownBaseline": 404,
    "KeyReused": 422,
    "RunOver": 409,
    "RunMeasuring": 409,
    "RunNamed": 409,
    "SettingError": 422,
    "UsageError": 422,
    "Busy": 409,
    "QueueFull": 409,
    "ServiceEnding": 503,
    "NoModels": 503,
    "NoOllama": 503,
    "MissingPrerequisite": 503,
    "BadModel": 409,
    "DoesNotFit": 409,
    "ModelError": 409,
    "OllamaUnreachable": 502,
    "OllamaStartFailed": 502,
    "OllamaCrowded": 503,
    "OllamaChanged": 502,
    "OllamaSilent": 504,
    "OllamaRefused": 502,
    "OllamaGarbled": 502,
    "OllamaError": 502,
    "StoreMissing": 500,
    "StoreForeign": 500,
    "StoreNewer": 500,
    "StoreLocked": 503,
    "StoreReadOnly": 500,
    "StoreFull": 507,
    "StoreError": 500,
    "OracError": 500,
}


def test_every_class_of_errors_has_its_status() -> None:
    assert {kind.__name__: kind_of(kind("it went wrong")).status for kind in classes(OracError)} == STATUSES


@pytest.mark.parametrize("kind", STATUSES)
def test_no_problem_names_a_place_of_this_machine(kind: str) -> None:
    said = (
        "It failed at /srv/secret/orac.db and /srv/home/ollama/serve.log and /srv/gguf/a.gguf and /opt/else/where.txt "
        "and http://internal.example:11434/api/ps."
    )
    told = problem(getattr(errors, kind)(said, next="Look at /srv/home/ollama/serve.log."), settings())
    assert [place for place in ("srv", "opt/", "internal", "secret/") if place in told.model_dump_json()] == []


def test_what_is_concealed_is_told_by_its_meaning() -> None:
    said = "There is no run x in /srv/secret/orac.db; see /srv/home/runs/x/log.txt, POST /v1/runs and /api/generate."
    assert concealed(said, settings()) == (
        "There is no run x in the store; see ORAC_HOME/runs/x/log.txt, POST /v1/runs and /api/generate."
    )


def test_a_place_within_a_word_is_none() -> None:
    at_the_root = replace(settings(), models_dir=Path("/models"))
    said = "GET /v1/models lists them; /models/a.gguf is broken."
    assert concealed(said, at_the_root) == "GET /v1/models lists them; the folder of models/a.gguf is broken."


def test_a_place_that_is_not_set_is_no_word_to_be_concealed() -> None:
    bare = read_settings({"HOME": "/home/a"})  # neither ORAC_OLLAMA_STORE nor ORAC_OLLAMA_BIN
    said = "TypeError: 'NoneType' object is not subscriptable; None was given."
    assert concealed(said, bare) == said


def test_the_way_to_an_ollama_can_be_pasted() -> None:
    with pytest.raises(errors.NoOllama) as raised:
        find_ollama(settings(), {"PATH": "/nowhere"})
    assert "`curl -fsSL https://ollama.com/install.sh | sh`" in (problem(raised.value, settings()).next or "")
    assert concealed("https://ollama.com.evil.example/a and http://ollama.com:1/b", settings()) == "…/a and …/b"


@pytest.mark.parametrize("kind", ["OllamaSilent", "OllamaRefused", "OllamaGarbled", "OllamaError", "RunNamed"])
def test_a_problem_says_what_to_do_even_where_the_error_does_not(kind: str) -> None:
    told = problem(getattr(errors, kind)("It went wrong."), settings()).next
    assert told in {
        "Ask again; where it stays so, Ollama's log says why: ollama/serve.log in ORAC_HOME.",
        "DELETE /v1/baselines/NAME takes it away.",
    }


def test_a_busy_machine_tells_with_what_and_how_long() -> None:
    over = datetime(2026, 11, 22, 12, 30, tzinfo=timezone.utc)
    holder = Holder(
        pid=7, what="a run", since="2026-11-22T12:00:00Z", run="20261122-1", cases_done=2, cases=8, likely_over=over
    )
    assert problem(Busy("It is measuring.", next="Wait.", holder=holder), settings()).model_dump() == {
        "type": "/docs#busy",
        "title": "The machine is measuring",
        "status": 409,
        "detail": "It is measuring.",
        "next": "Wait for it, or cancel that run.",
        "run": "20261122-1",
        "progress": {"cases_done": 2, "cases": 8},
        "likely_over": "2026-11-22T12:30:00Z",
    }


def test_a_model_that_does_not_fit_says_which_call_tries_it_all_the_same() -> None:
    told = problem(errors.DoesNotFit("It needs too much."), settings())
    assert told.next == "Unload others first, or try it all the same: POST /v1/models/NAME/load?force=true"


def settings() -> Settings:
    environ = {
        "HOME": "/home/a",
        "ORAC_HOME": "/srv/home",
        "ORAC_MODELS_DIR": "/srv/gguf",
        "ORAC_DATABASE_URL": "sqlite:////srv/secret/orac.db",
        "ORAC_OLLAMA_URL": "http://internal.example:11434",
    }
    return read_settings(environ)


def classes(kind: type[OracError]) -> Iterator[type[OracError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from classes(below)
