"""A cable between a page and its service, which can be pulled: nothing comes through then, and nobody is told."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Cable:
    """Hands on what comes to `port` to the service, and back. Made by `cable_to`."""

    def __init__(self, listening: socket.socket, service_port: int) -> None:
        self.port: int = listening.getsockname()[1]
        self._listening = listening
        self._service_port = service_port
        self._whole = threading.Event()
        self._whole.set()
        self._ends: list[socket.socket] = [listening]

    def pull(self) -> None:
        """From now on nothing comes through; connections stay open, as those to a machine that is out of reach."""
        self._whole.clear()

    def plug(self) -> None:
        """New connections go through again. Those from before it was pulled stay dead."""
        self._whole.set()

    def run(self) -> None:
        """Takes connections until it is closed."""
        with contextlib.suppress(OSError):
            while True:
                page, _ = self._listening.accept()
                self._ends.append(page)
                if self._whole.is_set():
                    service = socket.create_connection(("127.0.0.1", self._service_port))
                    self._ends.append(service)
                    for one, other in ((page, service), (service, page)):
                        threading.Thread(target=self._hand_on, args=(one, other), daemon=True).start()

    def _hand_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                if not self._whole.is_set():
                    return
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def cable_to(service_port: int) -> Iterator[Cable]:
    """A cable to the service on that port, while the `with` block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        cable = Cable(listening, service_port)
        thread = threading.Thread(target=cable.run, name="cable")
        thread.start()
        try:
            yield cable
        finally:
            cable.close()
            thread.join()
