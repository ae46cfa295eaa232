"""Which program is supervised: real files, programs that are shell scripts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from waiting import eventually, running

from orac_bench.errors import NoOllama
from orac_bench.ollama.locate import INSTALL, find_ollama, program_version, version_in
from orac_bench.settings import Settings, read_settings

OLLAMA = "#!/bin/sh\necho Warning: could not connect to a server\necho Warning: client version is 0.11.4\n"


def program(path: Path, text: str = OLLAMA, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def settings(home: Path, given: Path | None = None) -> Settings:
    chosen = {} if given is None else {"ORAC_OLLAMA_BIN": str(given)}
    return read_settings({"ORAC_HOME": str(home), **chosen})


def test_the_given_program_comes_before_the_one_on_path_and_that_before_the_built_one(tmp_path: Path) -> None:
    given = program(tmp_path / "given")
    on_path = program(tmp_path / "bin" / "ollama")
    built = program(tmp_path / "home" / "ollama" / "bin" / "ollama")
    environ = {"PATH": str(tmp_path / "bin")}

    assert find_ollama(settings(tmp_path / "home", given), environ) == given
    assert find_ollama(settings(tmp_path / "home"), environ) == on_path
    assert find_ollama(settings(tmp_path / "home"), {"PATH": str(tmp_path)}) == built


def test_without_any_program_the_error_says_where_was_looked_and_three_ways_out(tmp_path: Path) -> None:
    with pytest.raises(NoOllama) as caught:
        find_ollama(settings(tmp_path), {"PATH": str(tmp_path)})

    assert str(caught.value) == (
        "No Ollama was found: ORAC_OLLAMA_BIN is not set, no `ollama` is on PATH, and none was built in "
        f"{tmp_path}/ollama/bin/ollama. Install it with `curl -fsSL https://ollama.com/install.sh | sh`, or let "
        "`make bench` build one (needs Go and a C++ compiler), or name the address of a running one in ORAC_OLLAMA_URL."
    )


def test_a_given_program_that_cannot_be_used_is_refused_with_the_reason_and_no_other_is_taken(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "ollama")
    advice = "Correct ORAC_OLLAMA_BIN, or unset it."
    plain = program(tmp_path / "plain", mode=0o644)
    other = program(tmp_path / "other", "#!/bin/sh\necho 'nginx version: 1.22'\n")
    reasons = {
        tmp_path / "none": f"{tmp_path}/none, and there is no such file. {advice}",
        tmp_path: f"{tmp_path}, which is a folder and no program. {advice}",
        plain: f"{plain}, which may not be executed. Type: chmod +x {plain}",
        other: f"{other}, but `{other} --version` does not answer as Ollama does. {advice}",
    }
    for given, reason in reasons.items():
        with pytest.raises(NoOllama) as caught:
            find_ollama(settings(tmp_path / "home", given), {"PATH": str(tmp_path / "bin")})
        assert str(caught.value) == f"ORAC_OLLAMA_BIN is {reason}"


def test_a_broken_program_on_path_is_named_and_not_passed_over(tmp_path: Path) -> None:
    broken = program(tmp_path / "bin" / "ollama", "#!/bin/sh\nexit 1\n")
    program(tmp_path / "home" / "ollama" / "bin" / "ollama")

    with pytest.raises(NoOllama) as caught:
        find_ollama(settings(tmp_path / "home"), {"PATH": str(tmp_path / "bin")})
    assert str(caught.value) == (
        f"`ollama` on PATH is {broken}, but `{broken} --version` does not answer as Ollama does. "
        f"Repair it with `{INSTALL}`."
    )


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("ollama version is 0.11.4\n", "0.11.4"),
        ("Warning: could not connect to a running Ollama instance\nWarning: client version is 0.20.7\n", "0.20.7"),
        ("ollama version is 0.6.8\nWarning: client version is 0.11.4-rc1\n", "0.11.4-rc1"),
        ("nginx version: 1.22\n", None),
        ("", None),
    ],
)
def test_the_version_is_the_programs_own_and_not_that_of_a_running_server(said: str, version: str | None) -> None:
    assert version_in(said) == version


def test_a_program_asked_for_its_version_is_kept_from_a_server_that_runs(tmp_path: Path) -> None:
    asks = program(tmp_path / "ollama", '#!/bin/sh\necho "client version is $OLLAMA_HOST"\n')

    assert program_version(asks) == "127.0.0.1:1"


def test_a_program_that_hangs_has_no_version_and_leaves_no_process(tmp_path: Path) -> None:
    child = tmp_path / "child"
    hangs = program(tmp_path / "ollama", f"#!/bin/sh\nsleep 600 &\necho $! > {child}\nwait\n")

    started = time.monotonic()
    assert program_version(hangs, within_s=2.0) is None
    assert time.monotonic() - started < 30.0  # and not the 600 s for which the child holds the output open
    eventually(lambda: not running(int(child.read_text())))
