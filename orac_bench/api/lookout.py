"""What is wrong around the service, looked for anew every few seconds: who asks for its health need not wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace

from orac_bench.api.problems import concealed
from orac_bench.settings import Settings
from orac_bench.surroundings import Finding, open_port, surroundings
from orac_bench.telemetry.board import in_container

KEPT_S = 10.0
PUBLIC = frozenset({"gpu", "port"})
"""What is found there names no place of the machine."""


class Lookout:
    """The findings of `surroundings` as everybody may read them, at most KEPT_S old, and of `open_port` at the start.

    From any thread.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._lock = threading.Lock()
        self._looked_s = float("-inf")
        self._found: tuple[Finding, ...] = ()
        self._port = open_port(settings)  # by somebody else's Ollama: the service's own listens on loopback

    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, in the order in which a person would mend it.

        The places of a container are no secret and are named; of a machine they are not.
        """
        with self._lock:
            if time.monotonic() - self._looked_s > KEPT_S:
                found = surroundings(self._settings, self._environ)
                shown = in_container(self._settings.sysfs_root)
                self._found = (*(found if shown else map(self._public, found)), *self._port)
                self._looked_s = time.monotonic()
            return self._found

    def _public(self, finding: Finding) -> Finding:
        if finding.name in PUBLIC:
            return finding
        detail = concealed(finding.detail, self._settings)
        return replace(finding, detail=detail, next="`orac doctor` on that machine says what to type.")
