"""uvicorn's server, which sleeps until something comes: its own loop wakes ten times a second.

That took two thirds of what an idle service costs, also while a model wants every core. What must never live here:
connections (protocol.py), and by which signal the service ends (commands/serve.py).
"""

from __future__ import annotations

import asyncio
from types import FrameType

import uvicorn

TICK_S = 1.0
"""How often the Date header of answers is renewed."""


class Server(uvicorn.Server):
    """The same server. It ends as soon as it is told to."""

    _loop: asyncio.AbstractEventLoop | None = None
    _told: asyncio.Event | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The handler of SIGTERM and SIGINT."""
        super().handle_exit(sig, frame)
        if self._loop is not None and self._told is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        """Returns when the server is told to end."""
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        told = asyncio.ensure_future(self._told.wait())
        try:
            while not await self.on_tick(0):
                await asyncio.wait({told}, timeout=TICK_S)
        finally:
            told.cancel()
