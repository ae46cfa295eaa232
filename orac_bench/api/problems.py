"""Every error as `application/problem+json` (RFC 9457): one row a class of errors.py, no path and no host's name in it.

The whole message goes to the service's log. What must never live here: raising one of ORAC's own errors.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from orac_bench import errors
from orac_bench.api.guard import Refusal
from orac_bench.api.wording import of_a_call, way_out, wrong_fields
from orac_bench.errors import OracError
from orac_bench.records import Json
from orac_bench.settings import Settings

MEDIA_TYPE = "application/problem+json"
MOST_FIELDS = 20
"""Wrong fields that one problem names."""

_LOGGER = logging.getLogger(__name__)
_ADDRESS = re.compile(r"https?://(?!ollama\.com/)[^\s/]+")
"""Of this machine or its network. Where Ollama is had from is nobody's secret, and the way out of having none."""
_PATH = re.compile(r"(?<![\w/:.…])/(?!v1/|api/)(?:[\w.@+~-]+/)+[\w.@+~-]*")


class Problem(BaseModel):
    """What went wrong, and what to do about it. Some kinds have further members, such as `run` of a busy machine."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "/docs#unknown_model",
                    "title": "No such model",
                    "status": 404,
                    "detail": "There is no model named 'tinylama'. Near names: tinyllama.",
                    "next": "GET /v1/models lists every model.",
                }
            ]
        },
    )

    type: str = Field(description="Which kind of problem; a part of the documentation.")
    title: str = Field(description="The kind in a few words.")
    status: int = Field(description="The status of the answer.")
    detail: str = Field(description="What happened, with its values.")
    next: str | None = Field(default=None, description="What to do about it.")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a class of errors is told over HTTP. `detail` and `next` are None where the error's own words are told."""

    status: int
    title: str
    detail: str | None = None
    next: str | None = None
    otherwise: str | None = None
    """What to do where the error itself does not say."""
    retry_after_s: int | None = None


_MODELS, _RUNS = "GET /v1/models lists every model.", "GET /v1/runs lists them."
_EXAMPLES = "GET /docs has an example of every call."
_LOG = "The service's log has the whole message."
_AGAIN = "Ask again; where it stays so, Ollama's log says why: ollama/serve.log in ORAC_HOME."
_DOCTOR = "Look at the service's log, or type `orac doctor` on that machine."

KINDS: Mapping[type[OracError], Kind] = {
    errors.UnknownModel: Kind(status=404, title="No such model", next=_MODELS),
    errors.UnknownRun: Kind(status=404, title="No such run", next=_RUNS),
    errors.UnknownCase: Kind(status=404, title="No such case", next="GET /v1/cases lists them."),
    errors.UnknownRound: Kind(status=404, title="No such round", next="GET /v1/runs/RUN?rounds=true lists them."),
    errors.UnknownBaseline: Kind(status=404, title="No such baseline", next="GET /v1/baselines lists them."),
    errors.KeyReused: Kind(status=422, title="This Idempotency-Key came with another request", next="Send a new key."),
    errors.RunOver: Kind(status=409, title="The run is over", next="GET /v1/runs/RUN shows what came of it."),
    errors.RunMeasuring: Kind(status=409, title="The run is being measured"),
    errors.RunNamed: Kind(status=409, title="The run is a baseline", next="DELETE /v1/baselines/NAME takes it away."),
    errors.UsageError: Kind(status=422, title="This cannot be done as it is asked for", otherwise=_EXAMPLES),
    errors.Busy: Kind(status=409, title="The machine is measuring", next="Wait for it, or cancel that run."),
    errors.QueueFull: Kind(status=409, title="The queue is full"),
    errors.NoModels: Kind(
        status=503, title="No models", detail="There is no model that can be used.", next="Look at GET /v1/models."
    ),
    errors.NoOllama: Kind(status=503, title="No Ollama"),
    errors.ServiceEnding: Kind(status=503, title="The service is ending", retry_after_s=5),
    errors.MissingPrerequisite: Kind(
        status=503, title="Something is missing", detail="Something that this needs is not there.", next=_DOCTOR
    ),
    errors.BadModel: Kind(status=409, title="The model cannot be used", next=_MODELS),
    errors.DoesNotFit: Kind(
        status=409,
        title="The model does not fit",
        next="Unload others first, or try it all the same: POST /v1/models/NAME/load?force=true",
    ),
    errors.ModelError: Kind(status=409, title="The model cannot be used"),
    errors.OllamaUnreachable: Kind(
        status=502, title="Ollama does not answer", detail="Nothing answers where Ollama should.", next=_DOCTOR
    ),
    errors.OllamaStartFailed: Kind(
        status=502, title="Ollama could not be started", detail="Ollama ended, or was not ready in time.", next=_DOCTOR
    ),
    errors.OllamaCrowded: Kind(status=503, title="Too many callers", retry_after_s=5),
    errors.OllamaSilent: Kind(status=504, title="Ollama is silent", otherwise=_AGAIN),
    errors.OllamaRefused: Kind(status=502, title="Ollama refused", otherwise=_AGAIN),
    errors.OllamaGarbled: Kind(status=502, title="Ollama broke off", otherwise=_AGAIN),
    errors.OllamaError: Kind(status=502, title="Ollama failed", otherwise=_AGAIN),
    errors.StoreLocked: Kind(
        status=503,
        title="The store is in use",
        detail="Another process held the store for too long.",
        next="Try again in a few seconds.",
        retry_after_s=5,
    ),
    errors.StoreFull: Kind(
        status=507,
        title="The disk is full",
        detail="No space is left for what is to be kept.",
        next="Free some space: `df -h` shows where.",
    ),
    errors.StoreReadOnly: Kind(
        status=500, title="The store cannot be written", detail="The store cannot be written.", next=_LOG
    ),
    errors.StoreError: Kind(
        status=500, title="The store failed", detail="The store could not do what was asked.", next=_LOG
    ),
    OracError: Kind(status=500, title="This failed", detail="ORAC could not do what was asked.", next=_LOG),
}
"""By class; a class that is not named here is told as the nearest one above it."""

REFUSALS: Mapping[str, tuple[int, str]] = {
    "invalid": (422, "What was sent does not fit the description; `errors` names each field."),
    "bad_request": (400, "The request or its body cannot be read."),
    "not_found": (404, "There is nothing at this address."),
    "method_not_allowed": (405, "The address does not know this method."),
    "foreign_host": (403, "The service does not answer for the name in the Host header."),
    "foreign_origin": (403, "A page of another site calls."),
    "unauthorized": (401, "The call changes something, and the token is missing or wrong."),
    "unsupported_media_type": (415, "The body is not said to be JSON."),
    "too_large": (413, "The body is longer than a prompt may be."),
    "too_slow": (408, "The body did not come whole in time."),
    "request_timeout": (408, "The headers did not come whole in time."),
    "ended": (503, "A benchmark was not measured to its end: its run was cancelled, interrupted or lost."),
    "service_unavailable": (503, "Too many connections are open."),
    "fault": (500, "ORAC itself made a mistake."),
}
"""What the guard, the framework and the server refuse: status and meaning by the code in `type`."""

COMMON = (400, 401, 403, 408, 413, 415, 422, 500, 503, 507)
"""Statuses that any call may answer with: what the guard and the framework refuse, a store in use, a full disk."""


def responses(*statuses: int) -> dict[int | str, dict[str, object]]:
    """For `responses=` of an endpoint: these statuses are problems."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}


def named(error: OracError) -> type[OracError]:
    """The class of KINDS that `error` is told as: its own, or the nearest one above it."""
    return next(each for each in type(error).__mro__ if each in KINDS)


def kind_of(error: OracError) -> Kind:
    """The row of that class."""
    return KINDS[named(error)]


def problem(error: OracError, settings: Settings) -> Problem:
    """`error` as everybody may read it."""
    kind = kind_of(error)
    what = kind.detail or concealed(of_a_call(error.what), settings)
    own = None if kind.detail else way_out(error.next)
    return Problem(
        type=f"/docs#{named(error).code}",
        title=kind.title,
        status=kind.status,
        detail=what,
        next=kind.next or (None if own is None else concealed(own, settings)) or kind.otherwise,
        **_members(error),
    )


def concealed(text: str, settings: Settings) -> str:
    """`text` without the places of this machine: those of the settings by their meaning, all others left out."""
    known = (
        (settings.database_path, "the store"),
        (settings.models_dir or settings.sample_dir, "the folder of models"),
        (settings.ollama_store, "Ollama's store"),
        (settings.ollama_bin, "…"),
        (settings.home, "ORAC_HOME"),
        (settings.ollama_url, "ORAC_OLLAMA_URL"),
    )
    for place, meaning in known:
        if place is not None and len(str(place)) > 1:
            text = re.sub(rf"(?<!\w){re.escape(str(place))}", meaning, text)
    return _PATH.sub("…", _ADDRESS.sub("…", text))


def answer(
    status: int,
    title: str,
    detail: str,
    *,
    next: str | None = None,
    code: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem that is no error of ORAC's: what the guard and the framework refuse."""
    told = Problem(type=f"/docs#{code}", title=title, status=status, detail=detail, next=next)
    return JSONResponse(told.model_dump(), status_code=status, headers=headers, media_type=MEDIA_TYPE)


def answer_to(error: OracError, settings: Settings) -> Response:
    """The answer that tells `error`; its whole message is logged where something is wrong here, not with the call."""
    kind = kind_of(error)
    if kind.status >= 500:
        _LOGGER.error("%s: %s", error.code, error)
    headers = None if kind.retry_after_s is None else {"Retry-After": str(kind.retry_after_s)}
    told = problem(error, settings)
    return JSONResponse(told.model_dump(), status_code=kind.status, headers=headers, media_type=MEDIA_TYPE)


def refused(refusal: Refusal) -> Response:
    """The answer to a call that is not let in."""
    return answer(
        refusal.status, refusal.title, refusal.detail, next=refusal.next, code=refusal.code, headers=refusal.headers
    )


def fault() -> Response:
    """The answer where ORAC itself is wrong."""
    return answer(500, "A fault of ORAC", "ORAC made a mistake.", next=f"{_LOG} Please report it.", code="fault")


def install(app: FastAPI) -> None:
    """Has `app` tell every error as a problem."""
    app.add_exception_handler(OracError, _orac)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


def _orac(request: Request, error: Exception) -> Response:
    assert isinstance(error, OracError)
    return answer_to(error, request.app.state.house.settings)


def _http(_request: Request, error: Exception) -> Response:
    """What the framework refuses: an unknown path, a method that is not there, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    code = title.lower().replace(" ", "_")
    detail, way_out = {
        400: ("The body cannot be read as JSON in UTF-8.", _EXAMPLES),
        404: ("There is nothing at this address.", "GET /docs lists every call."),
        405: ("This address does not know that method.", "GET /docs lists every call."),
    }.get(error.status_code, (str(error.detail), None))
    return answer(error.status_code, title, detail, next=way_out, code=code, headers=error.headers)


def _invalid(_request: Request, error: Exception) -> Response:
    """What does not fit the description: each wrong field with the reason, without what was sent."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return answer(400, "Bad Request", "The body is no JSON.", next=_EXAMPLES, code="bad_request")
    wrong = wrong_fields(found, most=MOST_FIELDS)
    told = {
        "type": "/docs#invalid",
        "title": "This does not fit the description",
        "status": 422,
        "detail": "; ".join(f"{field['where']}: {field['what']}" for field in wrong),
        "next": _EXAMPLES,
        "errors": wrong,
    }
    return JSONResponse(told, status_code=422, media_type=MEDIA_TYPE)


def _members(error: OracError) -> dict[str, Json]:
    """What a program wants to know of an error, beside the words."""
    holder = error.holder if isinstance(error, errors.Busy) else None
    if holder is None:
        return {}
    over = holder.likely_over
    return {
        "run": holder.run,
        "progress": {"cases_done": holder.cases_done, "cases": holder.cases},
        "likely_over": None if over is None else over.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
