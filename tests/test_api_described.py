"""Every call gets what the description allows and more, thousands of times, and answers as it describes.

A minute of it here; `make fuzz` takes longer. In one half the machine is held for a measurement, so that runs are
queued and never begin; in the other it is free.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
    use_after_free,
)

from orac_bench.api.app import create_app
from orac_bench.lock import measuring_alone
from orac_bench.settings import read_settings
from tests.fakes.fake_ollama import FakeOllama, answer, json_reply, stream
from tests.service import Service, running_service

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
BEGINNING = ("POST /v1/runs", "POST /v1/benchmark")
"""What begins to measure; only while somebody does, so that it waits."""
MODEL = {"name": "tinyllama:latest", "digest": "a" * 64, "size": 1000, "details": {"family": "llama"}}
ROUTES = {
    "GET /api/version": [json_reply({"version": "0.11.4"})],
    "GET /api/tags": [json_reply({"models": [MODEL]})],
    "GET /api/ps": [json_reply({"models": [{"name": "tinyllama:latest", "size": 1000, "size_vram": 0}]})],
    "POST /api/show": [json_reply({"model_info": {}})],
    "POST /api/generate": [stream(answer(["a", "b"]))],
}
NOT_ASKED = [
    negative_data_rejection,  # a name that nothing has is as wrong as one that nothing can have: 404 before 422
    positive_data_acceptance,  # what fits the description may still name what is not there
    unsupported_method,
    use_after_free,
    not_a_server_error,  # 500 is held below, and the others are described
]
FUZZED = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])

DESCRIPTION = schemathesis.openapi.from_dict(create_app(read_settings({"HOME": "/home/a"})).openapi())
OPERATIONS = [found.ok() for found in DESCRIPTION.get_all_operations()]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with FakeOllama(ROUTES) as fake:
        with running_service(tmp_path_factory.mktemp("service"), ORAC_OLLAMA_URL=fake.url) as service:
            service.ready()
            yield service


def test_no_field_of_a_body_takes_what_is_no_text(fuzzed: Service) -> None:
    asked = [(method, path, body) for method, path, body in half_letters(DESCRIPTION.raw_schema)]
    assert len(asked) > 15
    with measuring_alone(fuzzed.home / "measure.lock", what="a test", waiting=lambda _: None):
        told = [(path, body, fuzzed.call(method, path, body)) for method, path, body in asked]
    assert [(path, body) for path, body, got in told if b"as a unicode string" not in got.body] == []


def half_letters(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each field of text of each body, sent with half of a letter of UTF-16, which no UTF-8 can hold."""
    kinds = description["components"]["schemas"]

    def fields(kind: dict[str, Any]) -> Iterator[dict[str, Any]]:
        kind = kinds[kind["$ref"].rpartition("/")[2]] if "$ref" in kind else kind
        for each in kind.get("anyOf", [kind]):
            for name, field in each.get("properties", {}).items():
                yield from ({name: value} for value in halves(field))
            if "$ref" in each:
                yield from fields(each)

    def halves(field: dict[str, Any]) -> Iterator[Any]:
        for each in field.get("anyOf", [field]):
            if each.get("type") == "string":
                yield "\ud800"
            elif each.get("type") == "array":
                yield from ([value] for value in halves(each["items"]))
            elif "$ref" in each:
                yield from fields(each)

    for path, calls in description["paths"].items():
        for method, call in calls.items():
            if "requestBody" in call:
                for body in fields(call["requestBody"]["content"]["application/json"]["schema"]):
                    yield method.upper(), path.format(run="latest", name="x"), body


@pytest.mark.parametrize("mode", [*GenerationMode], ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_is_as_described(fuzzed: Service, operation: APIOperation, mode: GenerationMode) -> None:
    if operation.path.endswith("/events"):
        return  # it does not end; tests/test_followers.py holds it

    @FUZZED
    @given(case=operation.as_strategy(generation_mode=mode))
    def hold(case: schemathesis.Case) -> None:
        response = case.call(base_url=fuzzed.url, timeout=30)
        assert response.status_code != 500, response.text
        case.validate_response(response, excluded_checks=NOT_ASKED)

    with suppress(Unsatisfiable):  # nothing of it can be wrong
        with measuring_alone(fuzzed.home / "measure.lock", what="a test", waiting=lambda _: None):
            hold()
            if operation.label in BEGINNING:  # what waits now would be measured beside all that is asked next
                for run in fuzzed.get("/v1/runs?limit=200").json["runs"]:
                    fuzzed.post(f"/v1/runs/{run['id']}/cancel")
        if operation.label not in BEGINNING:
            hold()
