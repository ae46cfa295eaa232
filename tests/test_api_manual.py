"""The manual and the description: complete, true to the problems, and readable without a network."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from orac_bench.api import problems
from orac_bench.api.app import create_app
from orac_bench.api.description import calls
from orac_bench.api.manual import page
from orac_bench.api.problems import KINDS, REFUSALS, Problem
from orac_bench.settings import read_settings

API = Path(problems.__file__).parent
WITHOUT_EXAMPLE = {"/v1/export", "/metrics"}
"""What they answer is no JSON of ORAC's own."""


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return create_app(read_settings({"HOME": "/home/a"})).openapi()


@pytest.fixture(scope="module")
def manual(description: dict[str, Any]) -> str:
    return page(description)


def test_every_call_has_a_sentence_and_an_example_of_its_body_and_its_answer(description: dict[str, Any]) -> None:
    lacking = []
    for path, method, call in calls(description):
        named = f"{method} {path}"
        if not call.get("description", "").strip().endswith((".", "`")):
            lacking.append(f"{named} has no sentence")
        for schema in bodies(call):
            if not examples(schema, description):
                lacking.append(f"{named} has no example of a body")
        good = [status for status in call["responses"] if status < "300"]
        for status in good:
            for media, part in call["responses"][status].get("content", {}).items():
                if path not in WITHOUT_EXAMPLE and "example" not in part and not examples(part["schema"], description):
                    lacking.append(f"{named} has no example of {media}")
    assert lacking == []


def test_every_error_is_described_as_a_problem(description: dict[str, Any]) -> None:
    wrong = [
        f"{method} {path} {status}"
        for path, method, call in calls(description)
        for status, told in call["responses"].items()
        if status >= "400" and [*told["content"]] != ["application/problem+json"]
    ]
    assert wrong == []
    assert "HTTPValidationError" not in description["components"]["schemas"]


def test_every_kind_of_problem_has_its_place_in_the_manual(manual: str) -> None:
    places = set(re.findall(r'id="([^"]+)"', manual))
    assert {kind.code for kind in KINDS} | set(REFUSALS) <= places
    links = set(re.findall(r'href="#([^"]+)"', manual))
    assert links <= places
    assert set(Problem.model_fields) == {"type", "title", "status", "detail", "next"}


def test_every_example_can_be_pasted_as_it_stands(description: dict[str, Any], manual: str) -> None:
    lines = [unescape(line) for line in re.findall(r"<pre>(curl .*?)</pre>", manual)]
    assert len(lines) == len([*calls(description)])
    assert [line for line in lines if re.search(r"localhost:8000\S*[{}]", line)] == []
    assert [line for line in lines if line.endswith("'null'")] == []
    for path, _, call in calls(description):
        needed = [one["name"] for one in call.get("parameters", []) if one["in"] == "query" and one.get("required")]
        asked = "&".join(f"{name}=[^&]+" for name in needed)
        wanted = re.compile(f"'localhost:8000{path}[?]{asked}'" if needed else re.sub("{.+?}", "[^/]+", path))
        assert any(wanted.search(line) for line in lines), path
    assert "curl 'localhost:8000/v1/history?case=9f0c'" in lines
    assert "curl localhost:8000/v1/runs/latest/results/9f0c/rounds/0/chunks" in lines


def test_every_problem_that_a_call_answers_with_by_hand_has_its_place(manual: str) -> None:
    codes = {code for file in API.glob("*.py") for code in re.findall(r'code="(\w+)"', file.read_text())}
    assert codes
    assert [code for code in sorted(codes) if f'id="{code}"' not in manual] == []


def test_the_manual_needs_no_script_and_nothing_of_elsewhere(manual: str) -> None:
    assert re.findall(r"<script|\sstyle=|\son[a-z]+=|https?://|//[a-z]", manual) == []
    assert re.findall(r'<link[^>]*href="([^"]+)"', manual) == ["/docs/style.css"]


def test_what_a_description_says_is_text_and_never_markup(description: dict[str, Any]) -> None:
    info = {**description["info"], "title": "<b>ORAC</b>", "description": "a `<i>` & b"}
    shown = page({**description, "info": info})
    assert "<h1>&lt;b&gt;ORAC&lt;/b&gt; " in shown
    assert "<p>a <code>&lt;i&gt;</code> &amp; b</p>" in shown


def bodies(call: dict[str, Any]) -> list[dict[str, Any]]:
    content = call.get("requestBody", {}).get("content", {})
    return [part["schema"] for part in content.values()]


def examples(schema: dict[str, Any], description: dict[str, Any]) -> bool:
    """Whether the schema, or one that it is made of, has an example."""
    if "$ref" in schema:
        return examples(description["components"]["schemas"][schema["$ref"].rpartition("/")[2]], description)
    parts = [*schema.get("properties", {}).values(), schema.get("items", {}), *schema.get("anyOf", [])]
    return bool(schema.get("examples")) or any(examples(part, description) for part in parts if part)
