"""Every example of the documents, done: in the order in which they stand there, against a real store and service.

Ollama is a fake one that answers at once. What is changed before a line is done stands in `CHANGED` and `shorter`, each
with its reason. What only needs the parser is in test_docs.py.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orac_bench.cli import main
from orac_bench.records import Status
from orac_bench.store.export import frame
from orac_bench.store.store import open_store
from tests.fakes.several_models import SeveralModels
from tests.service import Service, free_port, running_service
from tests.test_docs import ASSIGNMENT, DOCUMENTS, IN_CONTAINER, ROOT, blocks, text

MODELS = ("phi-2", "tinyllama", "smollm2-135m-instruct.q4_1", "llama3.2:1b")
LOG = ROOT / "tests/data/tegrastats/orin-nano_jp6_R36.5_sudo_100ms_log.txt"

CHANGED: Mapping[str, str] = {
    "--time-limit 10m": "--time-limit 1s",  # nobody waits ten minutes for a test
    "--time-limit 5m": "--time-limit 1s",
    "/srv/orac-copy.db": "srv-copy.db",  # a test writes to its own folder alone
    "/app/results/copy.db": "app-copy.db",
}
STATUS: Mapping[str, tuple[int, ...]] = {
    "orac delete 'latest~3'": (2,),  # nobody is there to be asked
    "orac selfcheck --rounds 10": (0, 1),  # a busy machine may be off by more than is allowed
}
"""Exit statuses of lines that may end with another than 0."""


@pytest.fixture(scope="module")
def ollama() -> Iterator[SeveralModels]:
    """An Ollama with the models that the documents name."""
    with SeveralModels(MODELS) as server:
        yield server


@pytest.fixture
def place(ollama: SeveralModels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder to stand in, with a home and a store of its own, and that Ollama."""
    given = {
        "ORAC_HOME": str(tmp_path / "home"),
        "ORAC_DATABASE_URL": f"sqlite:///{tmp_path}/orac.db",
        "ORAC_OLLAMA_URL": ollama.url,
        "ORAC_TELEMETRY": "off",
        "ORAC_PORT": str(free_port()),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    shutil.copy(LOG, tmp_path / "tegrastats.log")
    return tmp_path


@pytest.mark.parametrize("name", ["README.md", "docs/telemetry.md", "docs/board.md"])
def test_the_commands_of_a_document_work_one_after_the_other(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done = {line: done_in(place, line, monkeypatch) for line in shell_lines(name)}
    said = capfd.readouterr()
    wrong = {line: status for line, status in done.items() if status not in STATUS.get(line, (0,))}
    assert wrong == {}, said.err[-4000:]
    assert "Traceback" not in said.out + said.err
    assert done


def shell_lines(name: str) -> Iterator[str]:
    """The lines of a document that a test can do: `orac`, those in its container, and `echo`."""
    for line in blocks(text(name)):
        words = shlex.split(line, comments=True)
        while words and ASSIGNMENT.fullmatch(words[0]):
            words.pop(0)
        if words[: len(IN_CONTAINER)] == IN_CONTAINER:
            words = words[len(IN_CONTAINER) :]
        if words[:1] == ["orac"]:
            yield shlex.join(words)
        elif words[:1] == ["echo"] and words[-1].endswith(".txt"):
            yield line


def done_in(place: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Does the line. Its exit status."""
    for written, instead in CHANGED.items():
        line = line.replace(written, instead)
    words = shorter(shlex.split(line))
    if words[0] == "echo":
        return subprocess.run(["sh", "-c", line], check=False).returncode
    if words[1] == "serve":
        return served()
    if "--resume" in words:
        interrupt(place)
    monkeypatch.setenv("ORAC_TELEMETRY", "host" if words[1:3] == ["telemetry", "watch"] else "off")
    try:
        return main(words[1:])
    except SystemExit as ended:  # argparse's own way
        return int(ended.code or 0)


def shorter(words: list[str]) -> list[str]:
    """The command with fewer rounds and one suite where it leaves them to ORAC: a test sees them begin and end."""
    if words[1] != "bench" or "--resume" in words:
        return words
    more = [] if "--suite" in words else ["--suite", "decode"]
    if {"--paired", "--variant"} & set(words):
        return [*words, *more, "--blocks", "2"]
    return [*words, *more] if {"--rounds", "--blocks", "--precision"} & set(words) else [*words, *more, "--rounds", "2"]


def interrupt(place: Path) -> None:
    """Makes the last run one that was interrupted after its last round."""
    with open_store(f"sqlite:///{place}/orac.db", write=True) as store:
        store.update_run(store.resolve("latest"), status=Status.INTERRUPTED)


def served() -> int:
    """The exit status of `orac serve`, told to end once it listens."""
    command = [sys.executable, "-m", "orac_bench.cli", "serve", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["url"].startswith("http://127.0.0.1:")
            process.send_signal(signal.SIGTERM)
            return process.wait(timeout=60)
        finally:
            process.kill()


# The service's calls.


@pytest.fixture(scope="module")
def service(ollama: SeveralModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that uses that Ollama."""
    folder = tmp_path_factory.mktemp("service")
    with running_service(folder, ORAC_OLLAMA_URL=ollama.url) as running:
        yield running


def test_the_calls_of_the_readme_are_answered_as_it_shows(service: Service) -> None:
    answered: list[Any] = [service.post("/v1/models/smol/load").json]  # the example of a problem
    told: list[Any] = []
    for words in map(shlex.split, (line for line in blocks(text("README.md")) if line.startswith("curl "))):
        method, path, headers, body = call_of(words)
        if "-N" in words:
            run = next(one["id"] for one in reversed(answered) if isinstance(one, dict) and "position" in one)
            told = list(service.events(method, re.sub(r"/runs/[^/]+", f"/runs/{run}", path)))
            continue
        answer = service.call(method, path, body, headers=headers)
        assert answer.status < 300, (words, answer.body)
        answered.append(answer.json)
    assert told[-1]["event"] == "done"
    shown = [json.loads(line) for line in lines_of("json") if line.startswith("{")]
    assert len(shown) == 6
    assert [one for one in shown if shape(one) not in map(shape, answered)] == []
    events = [json.loads(line.removeprefix("data: ")) for line in lines_of("text") if line.startswith("data: ")]
    assert [one for one in events if shape(one) not in [shape(each["data"]) for each in told]] == []


def call_of(words: list[str]) -> tuple[str, str, dict[str, str], bytes | None]:
    """What a line of curl sends: method, path, headers, body. Fails for an option that it does not know."""
    headers: dict[str, str] = {}
    given: dict[str, str] = {}
    rest = iter(words[1:])
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name.title()] = value  # as the service's own caller writes them, so that each is sent once
        elif word in ("-X", "-d"):
            given[word] = next(rest)
        elif word != "-N":
            assert word.startswith("localhost:8000/"), word
            given["url"] = word
    body = given.get("-d")
    method = given.get("-X", "GET" if body is None else "POST")
    return method, given["url"].removeprefix("localhost:8000"), headers, None if body is None else body.encode()


def lines_of(kind: str) -> list[str]:
    """The lines of the README's blocks of that kind."""
    found = re.findall(rf"^```{kind}\n(.*?)^```", text("README.md"), re.MULTILINE | re.DOTALL)
    return [line for block in found for line in block.splitlines()]


def shape(value: Any) -> Any:
    """The keys of a document, at every depth; of a list the first element's. What has a name of its own has none."""
    if isinstance(value, list):
        return [shape(value[0])] if value and isinstance(value[0], dict) else []
    if not isinstance(value, dict):
        return None
    return {key: None if key in ("metrics", "workload") else shape(one) for key, one in value.items()}


# What is no command of ORAC's.


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_shell_block_is_a_script_that_a_shell_can_read(name: str) -> None:
    script = "\n".join(blocks(text(name)))
    read = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.usefixtures("place")
def test_every_line_of_make_can_be_made_and_its_arguments_are_taken_by_pytest() -> None:
    typed = [line for name in DOCUMENTS for line in blocks(text(name)) if re.match(r"(?:[A-Z_]+=\S* )*make ", line)]
    assert len(typed) >= 3
    for line in typed:
        words = [word for word in shlex.split(line, comments=True) if not ASSIGNMENT.fullmatch(word) or "ARGS=" in word]
        dry = subprocess.run([words[0], "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
        assert dry.returncode == 0, (line, dry.stderr)
        for given in (word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")):
            assert selected(given.split()) > 0, line


@pytest.mark.usefixtures("place")
def test_the_line_for_pytest_chooses_benchmarks() -> None:
    typed = [line for line in blocks(text("README.md")) if line.startswith("pytest benchmarks/")]
    assert [selected(shlex.split(line)[2:]) for line in typed] == [1]


def selected(words: list[str]) -> int:
    """How many benchmarks `pytest benchmarks/` would measure with these arguments."""
    command = [sys.executable, "-m", "pytest", "benchmarks/", *words, "--collect-only", "-q"]
    said = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    return sum("::bench_" in line for line in said.stdout.splitlines())


def test_the_line_of_python_gives_a_frame(place: Path) -> None:
    assert main(["bench", "phi-2", "--suite", "decode", "--rounds", "1", "--warmup", "0"]) == 0
    (line,) = re.findall(r"`orac_bench\.(store\.export\.frame\(database_url, run=\"latest\"\))`", text("README.md"))
    assert line == 'store.export.frame(database_url, run="latest")'
    assert len(frame(f"sqlite:///{place}/orac.db", run="latest")) == 1
