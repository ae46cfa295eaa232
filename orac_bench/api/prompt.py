"""`POST /v1/prompt`: a prompt, answered whole or as it is written. Who goes away ends the generation.

It lives on the event loop, as it must hear that a caller has gone while a thread waits for the model.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from orac_bench.api.house import Here, House
from orac_bench.api.problems import problem, responses
from orac_bench.api.question import Answered, Prompt, Question, asked
from orac_bench.errors import OracError
from orac_bench.ollama.call import Call
from orac_bench.records import Chunk

router = APIRouter(prefix="/v1", tags=["prompt"])

GONE = 499
"""The log's status of a call that nobody waits for any more; nobody gets it."""

_EXAMPLE = 'event: token\ndata: {"text": "Because"}\n\nevent: done\ndata: {"model": "tinyllama-1.1b", ...}\n\n'


@router.post(
    "/prompt",
    summary="Prompt a model",
    response_model=Answered,
    responses={
        200: {
            "description": "The answer; with `stream` events: `token`, then `done` with all of it, or `error`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        **responses(404, 409, 502, 504),
    },
)
async def prompt(sent: Prompt, here: Here, request: Request) -> Response | Answered:
    """Has a model answer, in its own template, loaded where it is not. Go away, and it stops writing.

    While a measurement runs: 409 with the run, its progress and when it is likely over. A prompt that does not fit
    into the model's context is a problem (422): Ollama would answer what is left of it.
    """
    owned = ExitStack()
    question = await run_in_threadpool(owned.enter_context, asked(here, sent))
    if sent.stream:
        return Streamed(here, question, owned)
    try:
        async with _broken_off_when_gone(request.receive, question.call) as gone:
            try:
                return await run_in_threadpool(question.answer)
            except OracError:
                if gone.done():
                    return Response(status_code=GONE)
                raise
    finally:
        owned.close()


class Streamed(StreamingResponse):
    """An answer as it is written. `owned` is given back when it has ended, however it does."""

    def __init__(self, here: House, question: Question, owned: ExitStack) -> None:
        headers = {"X-Accel-Buffering": "no"}
        super().__init__(_events(here, question), media_type="text/event-stream", headers=headers)
        self._question = question
        self._owned = owned

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        try:
            async with _broken_off_when_gone(receive, self._question.call):
                await self.stream_response(send)
        finally:
            self._owned.close()


async def _events(here: House, question: Question) -> AsyncIterator[bytes]:
    """Events `token` as they come, then `done` with the whole answer, or `error` with the problem."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[Chunk | None] = asyncio.Queue()

    def tell(chunk: Chunk | None) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, chunk)

    def answer() -> Answered:
        try:
            return question.answer(tell)
        finally:
            tell(None)

    whole = asyncio.ensure_future(run_in_threadpool(answer))
    while (chunk := await heard.get()) is not None:
        pieces = {"text": chunk.text, "thinking": chunk.thinking}
        yield _event("token", json.dumps({name: piece for name, piece in pieces.items() if piece}))
    try:
        yield _event("done", _json(await whole))
    except OracError as error:
        yield _event("error", _json(problem(error, here.settings)))


@asynccontextmanager
async def _broken_off_when_gone(receive: Receive, call: Call) -> AsyncIterator[asyncio.Future[None]]:
    """Breaks `call` off as soon as the caller has gone, while the block runs; then what it gives is done."""

    async def wait() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        call.abort()

    gone = asyncio.ensure_future(wait())
    try:
        yield gone
    finally:
        gone.cancel()


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def _json(model: BaseModel) -> str:
    return json.dumps(model.model_dump())
