"""Every way to end a measurement: no finished round is lost, nothing stays behind, and it can go on."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from pathlib import Path

import pytest

from orac_bench.candidates import find_candidates
from orac_bench.intent import Intent
from orac_bench.lock import measuring_alone
from orac_bench.records import Phase, Result, RoundStatus, Status
from orac_bench.session import open_session
from orac_bench.settings import read_settings
from tests.real.doors import Machine, Started, a_machine, nothing_left
from tests.sessions import Events, a_point, measure
from tests.waiting import eventually

pytestmark = pytest.mark.real

SUITES = ("first_token", "decode")
QUICK = ("--output-tokens=16", "--prompt-tokens=64", "--rounds=12", "--warmup=1")
ROUNDS = list(range(12))


@pytest.fixture
def machine(ollama_binary: Path, tiny_models: Path, tmp_path: Path) -> Machine:
    return a_machine(tmp_path, tiny_models, ollama_binary)


def words_for(door: str) -> list[str]:
    """One model, two suites, as each door wants it said."""
    words = [*(f"--suite={suite}" for suite in SUITES), *QUICK]
    if door == "orac":
        return ["bench", "phi-2", *words]
    return ["--orac-model=phi-2", *(word.replace("--", "--orac-", 1) for word in words)]


def stop_in_mid_round(machine: Machine, started: Started, suite: str) -> None:
    """Stalls the Ollama when a round of the suite is in the store, and waits until the next one is sent."""
    eventually(lambda: machine.rounds(suite) >= 1, within_s=100)
    machine.stall()
    eventually(started.asks)


def indexes(result: Result, phase: Phase = Phase.MEASURE) -> list[int]:
    return [one.index for one in result.rounds if one.phase is phase]


@pytest.mark.parametrize(
    ("door", "number", "status"),
    [("orac", signal.SIGINT, 130), ("pytest", signal.SIGINT, 2), ("orac", signal.SIGTERM, 130)],
)
def test_a_signal_in_mid_case_interrupts_the_run_which_goes_on_at_its_first_unfinished_case(
    machine: Machine, door: str, number: int, status: int
) -> None:
    with machine.started(door, *words_for(door)) as started:
        stop_in_mid_round(machine, started, "decode")
        started.signal(number)
        assert started.ends() == status
    out = (machine.folder / "out.txt").read_text()
    run, stood = machine.run()
    first, second = machine.results()
    assert "Traceback" not in out
    assert f"Go on where it stopped: orac bench --resume {run}" in out
    assert (stood, first.status, second.status) == (Status.INTERRUPTED, Status.DONE, Status.INTERRUPTED)
    assert indexes(first) == ROUNDS
    assert 1 <= len(indexes(second)) < 12
    assert nothing_left(machine)

    if door == "orac":
        said = machine.orac("bench", "--resume", run)
    else:
        said = machine.pytest(*words_for(door), f"--orac-resume={run}")
    assert (said.status, said.calm) == (0, True), said.out + said.err
    assert machine.run() == (run, Status.DONE)
    again, complete = machine.results()
    assert [again.case.suite, complete.case.suite] == list(SUITES)
    assert again.rounds == first.rounds  # not measured a second time
    assert (complete.status, indexes(complete), indexes(complete, Phase.WARMUP)) == (Status.DONE, ROUNDS, [0])

    said = machine.orac("bench", "--resume", run)
    assert said.status == 2
    assert f"Run {run} is done; only an interrupted run can be resumed." in said.err


def test_ctrl_c_while_the_model_is_being_loaded_interrupts_the_run(machine: Machine) -> None:
    with machine.started("orac", *words_for("orac")) as started:
        started.shows("loading")
        started.signal(signal.SIGINT)
        assert started.ends() == 130
    (result,) = machine.results()
    assert (result.status, result.rounds) == (Status.INTERRUPTED, ())
    assert machine.run()[1] is Status.INTERRUPTED
    assert nothing_left(machine)


def test_ctrl_c_while_waiting_for_another_measurement_leaves_no_trace(machine: Machine) -> None:
    with (
        measuring_alone(machine.home / "measure.lock", what="a colleague's run", waiting=None),
        machine.started("orac", *words_for("orac")) as started,
    ):
        started.shows("since")
        started.signal(signal.SIGINT)
        assert started.ends() == 130
        shown = started.shown
    assert f"this machine is measuring already: a colleague's run (process {os.getpid()})" in shown
    assert not (machine.folder / "orac.db").exists()
    assert not machine.servers()


def test_two_measurements_at_once_run_one_after_the_other(machine: Machine) -> None:
    with machine.started("orac", "bench", "phi-2", "--suite=decode", *QUICK) as first:
        eventually(lambda: machine.rounds("decode") >= 1, within_s=100)
        first.signal(signal.SIGSTOP)
        with machine.started("orac", "bench", "pythia-70m", "--suite=decode", *QUICK) as second:
            second.shows("since")
            first.signal(signal.SIGCONT)
            assert first.ends() == 0
            assert second.ends() == 0
    holder = first.process.pid
    assert f"waiting: this machine is measuring already: a run of `orac bench` (process {holder})" in second.shown
    (of_first,), (of_second,) = machine.results("latest~1"), machine.results("latest")
    assert (of_first.case.model, of_second.case.model) == ("phi-2", "pythia-70m")
    assert of_first.ended is not None
    assert of_second.started is not None
    assert of_first.ended < of_second.started


def test_a_killed_measurement_loses_no_finished_round_and_leaves_no_ollama(machine: Machine) -> None:
    with machine.started("orac", *words_for("orac")) as started:
        started.shows("decode 64 → 16: round 1/12")
        machine.stall()
        os.kill(started.process.pid, signal.SIGKILL)
        started.ends()
        shown = started.shown
    assert nothing_left(machine)

    told = {(suite, int(number) - 1) for suite, number in re.findall(r"(\w+) 64 → 16: round (\d+)/12", shown)}
    before = machine.results()
    kept = {(result.case.suite, index) for result in before for index in indexes(result)}
    run, stood = machine.run()
    assert told >= {("first_token", 11), ("decode", 0)}
    assert told <= kept
    assert len(kept - told) <= 1  # one may have been stored and not yet told
    assert stood is Status.RUNNING  # nobody could write down that it is not
    assert machine.orac("db", "check").status == 0

    said = machine.orac("bench", "--resume", "latest")
    assert said.status == 0, said.err
    assert machine.run() == (run, Status.DONE)
    assert machine.results()[0].rounds == before[0].rounds
    assert [(result.case.suite, indexes(result)) for result in machine.results()] == [
        (suite, ROUNDS) for suite in SUITES
    ]


def test_a_killed_run_is_interrupted_as_soon_as_somebody_measures_again(machine: Machine) -> None:
    with machine.started("orac", *words_for("orac")) as started:
        stop_in_mid_round(machine, started, "first_token")
        os.kill(started.process.pid, signal.SIGKILL)
        started.ends()
    quick = ("--suite=first_token", "--rounds=1", "--warmup=0", "--output-tokens=4")
    assert machine.orac("bench", "phi-2", *quick).status == 0

    listed = machine.orac("list", "--json").document["runs"]
    assert [run["status"] for run in listed] == ["done", "interrupted"]
    (result,) = machine.results("latest~1")
    assert result.status is Status.INTERRUPTED
    assert "ttft_s" in result.summary


def test_an_ollama_that_is_killed_in_mid_stream_costs_that_round_only(machine: Machine) -> None:
    with machine.started("orac", "bench", "phi-2", "--suite=decode", *QUICK) as started:
        stop_in_mid_round(machine, started, "decode")
        for pid in machine.servers():
            with contextlib.suppress(OSError):  # its runners end with it
                if b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    os.kill(pid, signal.SIGKILL)
        assert started.ends() == 1
        shown = started.shown

    assert "note: Ollama had ended and was started again: http://127.0.0.1:" in shown
    (result,) = machine.results()
    assert result.status is Status.FAILED
    assert [one.status is RoundStatus.OK for one in result.rounds].count(False) == 1
    assert indexes(result) == ROUNDS
    (failed,) = [one for one in result.rounds if one.status is RoundStatus.FAILED]
    assert failed.failure is not None
    assert failed.failure.message.startswith("Ollama closed the connection before its answer was complete.")
    assert result.failure is not None
    assert result.failure.message == f"1 round failed. The first: {failed.failure.message}"
    assert (result.done, result.summary["e2e_s"].n) == (11, 11)
    assert machine.run()[1] is Status.FAILED
    assert nothing_left(machine)


def test_an_ollama_that_ends_between_two_cases_is_started_again_for_the_next(machine: Machine) -> None:
    environ = {"ORAC_HOME": str(machine.home), "ORAC_DATABASE_URL": machine.database, **machine.settings}
    settings = read_settings(environ, folder=machine.folder)
    (candidate,) = find_candidates(settings, ["pythia-70m"]).candidates
    events = Events()
    with open_session(settings, environ, Intent(trigger="test"), events) as session:
        for suite in SUITES:
            with session.measuring(candidate, a_point(suite)) as measurement:
                measure(measurement)
            server = session.engine.server
            assert server is not None
            os.killpg(server.pid, signal.SIGKILL)
            eventually(lambda server=server: not server.alive())
        assert session.end(interrupted=False) is Status.DONE
    assert len([text for text in events.told if "was started again" in text]) == 1
