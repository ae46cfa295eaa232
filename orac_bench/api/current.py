"""Answers that stand as long as nothing is written to the store: told at once, and made on a thread where they are new.

What is remembered is the body as it is sent, so that a call that was made before costs neither a query nor a thread.
What must never live here: what an answer says.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from fastapi import Response
from starlette.concurrency import run_in_threadpool

from orac_bench.api.house import House


async def current(here: House, question: Hashable, made: Callable[[], str]) -> Response:
    """The JSON answer to `question`, which names the call with all that it was asked with and that is not in the store.

    `made` gives its body from the store as it is now.
    """
    version = here.store.version()
    body = here.current.known(version, question)
    if body is None:
        body = await run_in_threadpool(here.current.answer, version, question, made)
    return Response(body, media_type="application/json")
