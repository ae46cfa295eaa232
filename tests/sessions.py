"""A session on any server, into a store of its own: for tests of the recipe that need no real Ollama."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orac_bench.candidates import Candidate, find_candidates
from orac_bench.intent import Intent
from orac_bench.lock import Holder
from orac_bench.measurement import Measurement
from orac_bench.records import Case, Failure, Phase, Round, Status
from orac_bench.session import Session, open_session
from orac_bench.settings import Settings, read_settings
from orac_bench.suites.grid import SUITES, Point, Wishes, points


class Events:
    """A listener that writes down what happened, in words."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(f"note: {text}")

    def waiting(self, holder: Holder) -> None:
        self.told.append(f"waiting for {holder.what}")

    def case_started(self, case: Case, *, warmup: int, rounds: int) -> None:
        self.told.append(f"{case.suite} started, {warmup} + {rounds}")

    def block_started(self, case: Case, point: Point, kept: Sequence[Round]) -> None:
        self.told.append(f"{case.name} {case.suite} block {point.block}, {point.warmup} + {point.share}")

    def case_passed_over(self) -> None:
        self.told.append("passed over")

    def round_kept(self, case: Case, round: Round) -> None:
        self.told.append(f"{round.phase.value} {round.index} {round.status.value}")

    def case_ended(self, case: Case, status: Status, failure: Failure | None) -> None:
        self.told.append(f"{case.suite} {status.value}")


def settings_for(url: str, folder: Path, *, idle_timeout_s: float = 5.0) -> Settings:
    """Settings for the external server at `url`; home and store in `folder`."""
    environ = {
        "HOME": str(folder),
        "ORAC_HOME": str(folder / "home"),
        "ORAC_OLLAMA_URL": url,
        "ORAC_DATABASE_URL": f"sqlite:///{folder}/orac.db",
        "ORAC_IDLE_TIMEOUT_S": str(idle_timeout_s),
    }
    return read_settings(environ, folder=folder)


def a_point(suite: str = "first_token", *, rounds: int = 2, warmup: int = 1, output_tokens: int = 4) -> Point:
    """A small point of a suite, with a prompt of 32 tokens."""
    wishes = Wishes(rounds=rounds, warmup=warmup, output_tokens=output_tokens, prompt_tokens=(32,))
    return points(SUITES[suite], wishes)[0]


@contextmanager
def a_session(
    settings: Settings, *, events: Events | None = None, intent: Intent | None = None
) -> Iterator[tuple[Session, Candidate]]:
    """A session and the one model of its server."""
    (candidate,) = find_candidates(settings).candidates
    with open_session(settings, {}, intent or Intent(trigger="test"), events or Events()) as session:
        yield session, candidate


def measure(measurement: Measurement) -> None:
    """Every planned round, then those again that luck spoilt: what the pytest door does."""
    for phase in [Phase.WARMUP] * measurement.point.warmup + [Phase.MEASURE] * measurement.point.rounds:
        if not measurement.given_up:
            one_round(measurement, phase)
    while measurement.tries_left():
        one_round(measurement, Phase.MEASURE)


def one_round(measurement: Measurement, phase: Phase = Phase.MEASURE) -> Round:
    """One round, sent and kept."""
    attempt = measurement.prepare(phase)
    attempt.send()
    return measurement.keep(attempt)
