"""The description of the whole API (OpenAPI 3.1), as `/openapi.json` gives it: errors told as what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from orac_bench.api.guard import READING
from orac_bench.api.problems import MEDIA_TYPE

ABOUT = """\
Models are loaded, prompted and measured over this port. JSON in and out; errors are problems (RFC 9457). Keys carry
their unit, what is absent is null, moments are RFC 3339 in UTC. A RUN is an id, the beginning of one, `latest`,
`latest~2`, or a baseline's name."""

TAGS = {
    "health": "How the service and its machine stand.",
    "models": "What there is, and what is in memory.",
    "prompt": "Asking a model.",
    "benchmark": "Measuring, and waiting for it.",
    "runs": "Measuring in a queue; every run that was ever kept.",
    "cases": "The same measurement over time.",
    "comparison": "Two runs, two models, two variants.",
    "overview": "Everything at a glance.",
    "marks": "Names and notes that people give.",
    "telemetry": "What the board's sensors say.",
    "metrics": "For Prometheus.",
}

Object = dict[str, Any]
PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}


def describe(app: FastAPI) -> Object:
    """The description of `app`, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=ABOUT,
            routes=app.routes,
            tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        )
        for _, method, call in calls(made):
            for status, told in call["responses"].items():
                if status >= "400":
                    told["content"] = {MEDIA_TYPE: PROBLEM}
            if method.upper() not in READING:
                call["security"] = [{}, {"token": []}]
        parts: Object = made.setdefault("components", {})
        for model in _models(BaseModel):
            given = model.model_config.get("json_schema_extra")
            if isinstance(given, dict) and "examples" in given and model.__name__ in parts["schemas"]:
                parts["schemas"][model.__name__]["examples"] = given["examples"]  # FastAPI leaves their nulls out
        parts["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "ORAC_TOKEN, where it is set."}
        }
        app.openapi_schema = made
    return app.openapi_schema


def _models(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Every kind of body that there is."""
    for below in kind.__subclasses__():
        yield below
        yield from _models(below)


def calls(description: Object) -> Iterator[tuple[str, str, Object]]:
    """Path, method and operation of every call, in the order of the description."""
    for path, methods in description["paths"].items():
        for method, call in methods.items():
            yield path, method, call
