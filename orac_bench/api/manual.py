"""`GET /docs`: the manual, one page made from the description. It needs no script, no network and one style.

What must never live here: a sentence about a call; those are beside the calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

from orac_bench.api.description import Object, calls, describe
from orac_bench.api.problems import COMMON, KINDS, REFUSALS

router = APIRouter(include_in_schema=False)

_CACHED = {"Cache-Control": "no-cache"}


@router.get("/docs")
def manual(request: Request) -> Response:
    """The manual as HTML."""
    return Response(page(describe(request.app)), media_type="text/html", headers=_CACHED)


@router.get("/docs/style.css")
def style() -> Response:
    """How the manual looks."""
    return Response(STYLE, media_type="text/css", headers=_CACHED)


def page(description: Object) -> str:
    """The whole manual of a description."""
    info = description["info"]
    groups = {tag["name"]: tag["description"] for tag in description["tags"]}
    by_group: dict[str, list[tuple[str, str, Object]]] = {name: [] for name in groups}
    for path, method, call in calls(description):
        by_group.setdefault(call.get("tags", ["other"])[0], []).append((path, method.upper(), call))
    shown = {name: found for name, found in by_group.items() if found}
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f'<title>{escape(info["title"])}</title><link rel="stylesheet" href="/docs/style.css"></head><body>',
            f"<header><h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
            f"<p>{_text(info['description'])}</p>",
            '<p>For programs: <a href="/openapi.json">openapi.json</a>.</p></header>',
            "<nav>",
            *_contents(shown),
            '<a href="#problems">Problems</a></nav><main>',
            *(line for name, found in shown.items() for line in _group(name, groups.get(name, ""), found, description)),
            *_problems(),
            "</main></body></html>",
        ]
    )


def _contents(groups: Mapping[str, list[tuple[str, str, Object]]]) -> Iterator[str]:
    for name, found in groups.items():
        links = "".join(
            f'<li><a href="#{_anchor(method, path)}"><b class="{method}">{method}</b> {escape(path)}</a></li>'
            for path, method, _ in found
        )
        yield f"<h2>{escape(name)}</h2><ul>{links}</ul>"


def _group(name: str, about: str, found: Iterable[tuple[str, str, Object]], description: Object) -> Iterator[str]:
    yield f"<section><h2>{escape(name)}</h2><p>{_text(about)}</p>"
    for path, method, call in found:
        yield f'<article id="{_anchor(method, path)}">'
        yield f'<h3><b class="{method}">{method}</b> <code>{escape(path)}</code></h3>'
        yield f"<p><strong>{_text(call.get('summary', ''))}.</strong> {_text(call.get('description', ''))}</p>"
        yield from _parameters(call.get("parameters", []))
        yield from _fields(call, description)
        yield from _example(path, method, call, description)
        yield from _answers(call, description)
        yield "</article>"
    yield "</section>"


def _parameters(parameters: Iterable[Object]) -> Iterator[str]:
    rows = [
        (one["name"], one["in"], _kind(one["schema"]), one.get("description", ""), one.get("required", False))
        for one in parameters
    ]
    if rows:
        yield "<h4>Parameters</h4><table>"
        for name, place, kind, about, required in rows:
            must = " required" if required else ""
            yield _row(f"<code>{escape(name)}</code>", f"{escape(place)}, {escape(kind)}{must}", _text(about))
        yield "</table>"


def _fields(call: Object, description: Object) -> Iterator[str]:
    schema = _resolved(_json_part(call.get("requestBody", {}).get("content", {})).get("schema", {}), description)
    if schema.get("properties"):
        yield "<h4>Body</h4><table>"
        for name, field in schema["properties"].items():
            must = " required" if name in schema.get("required", []) else ""
            about = field.get("description", _resolved(field, description).get("description", ""))
            yield _row(f"<code>{escape(name)}</code>", f"{escape(_kind(field))}{must}", _text(about))
        yield "</table>"


def _example(path: str, method: str, call: Object, description: Object) -> Iterator[str]:
    words = ["curl"] if method == "GET" else [f"curl -X {method}"]
    words.append(_address(path, call.get("parameters", [])))
    body = _json_part(call.get("requestBody", {}).get("content", {}))
    if body:
        shown = _first_example(body, description)
        words.append(f"-H 'content-type: application/json' -d '{json.dumps(shown)}'")
    yield f"<pre>{escape(' '.join(words))}</pre>"


def _address(path: str, parameters: Iterable[Object]) -> str:
    """Where an example goes: the parts of the path filled in, and what must be asked behind it, for a shell to read."""
    given = [*parameters]
    values = {one["name"]: _value(one) for one in given}
    filled = re.sub(r"{(\w+)}", lambda found: values[found[1]], path)
    asked = "&".join(
        f"{one['name']}={values[one['name']]}" for one in given if one["in"] == "query" and one.get("required")
    )
    return f"'localhost:8000{filled}?{asked}'" if asked else f"localhost:8000{filled}"


def _value(parameter: Object) -> str:
    """An example of a parameter, as its description gives it; for a run `latest`, else its name in capitals."""
    schema = parameter["schema"]
    known = schema.get("examples") or schema.get("items", {}).get("examples")
    return str(known[0]) if known else "latest" if parameter["name"] == "run" else str(parameter["name"]).upper()


def _answers(call: Object, description: Object) -> Iterator[str]:
    yield "<h4>Answers</h4><table>"
    for status, told in call["responses"].items():
        if status >= "400":
            if int(status) not in COMMON:
                yield _row(f"<code>{status}</code>", f'<a href="#problems">{escape(told["description"])}</a>', "")
            continue
        for media, part in told.get("content", {"": {}}).items():
            shown = _first_example(part, description)
            text = shown if isinstance(shown, str) else json.dumps(shown, indent=1, ensure_ascii=False)
            schema = _resolved(part.get("schema", {}), description)
            about = _text(schema.get("description", told.get("description", "")))
            body = f"<pre>{escape(text)}</pre>" if shown not in (None, {}) else ""
            yield _row(f"<code>{status}</code>", escape(media), f"{about}{body}")
    yield "</table>"


def _problems() -> Iterator[str]:
    yield '<section id="problems"><h2>Problems</h2>'
    yield "<p>Every error is <code>application/problem+json</code> with <code>type</code>, <code>title</code>, "
    yield "<code>status</code>, <code>detail</code> and, where there is one, <code>next</code>: what to do. "
    yield f"Any call may be answered with {', '.join(str(status) for status in COMMON)}.</p><table>"
    for code, (status, about) in REFUSALS.items():
        yield _row(f'<code id="{escape(code)}">{escape(code)}</code>', str(status), _text(about))
    for kind, told in KINDS.items():
        about = (kind.__doc__ or "").strip().splitlines()[0]
        code = escape(kind.code)
        yield _row(f'<code id="{code}">{code}</code>', str(told.status), f"{escape(told.title)}. {_text(about)}")
    yield "</table></section>"


def _json_part(content: Mapping[str, Any]) -> Object:
    found: Object = content.get("application/json", {})
    return found


def _first_example(part: Object, description: Object) -> Any:
    """An example of a body: what the description gives, or one made of those of its parts. None where it has none."""
    if "example" in part:
        return part["example"]
    return _made(part.get("schema", {}), description)


def _made(schema: Object, description: Object) -> Any:
    """An example of a value of this schema."""
    schema = _resolved(schema, description)
    if schema.get("examples"):
        return schema["examples"][0]
    if "properties" in schema:
        return {name: _made(field, description) for name, field in schema["properties"].items()}
    if "anyOf" in schema:
        return _made(schema["anyOf"][0], description)
    if schema.get("type") == "array":
        return [_made(schema.get("items", {}), description)]
    return None


def _resolved(schema: Object, description: Object) -> Object:
    """The schema behind a reference."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Object = description["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _kind(schema: Object) -> str:
    """The type of a value in a few words."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _anchor(method: str, path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{method} {path}".lower()).strip("-")


def _text(text: str) -> str:
    """Text with `code` in it, as HTML; a blank line begins a new paragraph."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"\n\s*\n", "</p><p>", marked)


STYLE = """\
:root { color-scheme: light dark; --line: #8884; --code: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 78rem; padding: 1rem; display: grid;
  grid-template-columns: 19rem minmax(0, 1fr); gap: 0 2rem; }
header { grid-column: 1 / -1; } nav { font-size: .85rem; position: sticky; top: 0; max-height: 100vh; overflow: auto; }
nav h2 { font-size: .9rem; margin: .8rem 0 .2rem; } nav ul { list-style: none; margin: 0; padding: 0; }
nav a { text-decoration: none; color: inherit; overflow-wrap: anywhere; } nav a:hover { text-decoration: underline; }
small { font-weight: normal; opacity: .7; } h3 { margin-bottom: .2rem; } h4 { margin: .8rem 0 .2rem; }
article { border-top: 1px solid var(--line); padding: .5rem 0 1rem; } table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid var(--line); padding: .3rem .6rem .3rem 0; vertical-align: top; }
td:not(:last-child) { width: 1%; white-space: nowrap; }
code, pre { font: .85rem ui-monospace, monospace; background: var(--code); border-radius: 3px; }
code { padding: .1em .3em; } pre { padding: .6rem; overflow-x: auto; margin: .4rem 0; white-space: pre-wrap; }
b.GET { color: #18804f; } b.POST { color: #b4530a; } b.DELETE { color: #c02537; }
:target { outline: 2px solid #18804f; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; max-height: none; } }
"""
