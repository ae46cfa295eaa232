"""What stands beside the package for those who run it: the systemd unit, and the converter that stays commented out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orac_bench.models.catalog import recognise
from orac_bench.settings import NAMES, read_settings

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "deploy/orac.service"
CONVERTER = ROOT / "scripts/convert_safetensors.py"
LINE = "# " + "-" * 117

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


def runnable(folder: Path) -> Path:
    """The unit with a program that is there, as systemd looks for it."""
    unit = folder / "orac.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    return unit


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", runnable(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_systemd_calls_the_unit_hardened(tmp_path: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=30", runnable(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # 30: an exposure of 3.0 of 10
    assert done.returncode == 0, done.stdout.splitlines()[-1:]


def test_the_unit_sets_what_orac_reads_and_keeps_everything_where_it_may_write() -> None:
    given = dict(re.findall(r"^Environment=(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE))
    assert set(given) - {"HOME"} <= set(NAMES)
    settings = read_settings(given, folder=Path("/opt/orac"))
    assert (str(settings.home), str(settings.database_path)) == ("/var/lib/orac", "/var/lib/orac/results/orac.db")
    assert "\nStateDirectory=orac orac/results\n" in UNIT.read_text()  # below /var/lib
    assert "\nRestartPreventExitStatus=2\n" in UNIT.read_text()  # the status of a missing prerequisite


def test_the_wrapper_runs_orac_as_the_service_has_it(tmp_path: Path) -> None:
    text = (ROOT / "deploy/orac").read_text()
    unit = dict(re.findall(r"^Environment=(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE))
    (program,) = re.findall(r"^ExecStart=(\S+) serve$", UNIT.read_text(), re.MULTILINE)
    assert program in text
    assert "sudo --user=orac " in text

    stand_in = tmp_path / "program"
    stand_in.write_text('#!/bin/sh\nenv | grep -E "^(ORAC_|HOME=)"\nprintf "<%s>" "$@"\n')
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    (tmp_path / "orac.env").write_text("ORAC_MODELS_DIR=/srv/gguf\nORAC_TOKEN=secret\n")
    wrapper = tmp_path / "orac"
    wrapper.write_text(text.replace(program, str(stand_in)).replace("/etc/orac.env", str(tmp_path / "orac.env")))
    for file in (stand_in, sudo, wrapper):
        file.chmod(0o755)
    said = subprocess.run(
        [wrapper, "bench", "a b", "--note", "it's $HOME"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": "/home/toby"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert said[-1] == "<bench><a b><--note><it's $HOME>"
    kept = {name: unit[name] for name in ("HOME", "ORAC_HOME", "ORAC_DATABASE_URL")}
    assert dict(line.split("=", 1) for line in said[:-1]) == {
        **kept,
        "ORAC_MODELS_DIR": "/srv/gguf",
        "ORAC_TOKEN": "secret",
    }


def test_the_converter_does_nothing_but_say_what_it_would_do(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, CONVERTER, "x"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, [*tmp_path.iterdir()]) == (0, "", [])
    assert "Left commented out" in done.stdout


def test_the_converter_with_its_marks_deleted_is_a_program_for_the_six_models() -> None:
    explained, _, below = CONVERTER.read_text().partition(f"{LINE}\n")
    assert below
    assert [line for line in below.splitlines() if not line.startswith("#")] == []
    program = re.sub(r"^# ?", "", below, flags=re.MULTILINE)
    found: dict[str, object] = {"__name__": "read"}
    exec(compile(explained.replace("print(__doc__)\n", "") + program, str(CONVERTER), "exec"), found)

    models = found["MODELS"]
    assert isinstance(models, dict)
    known = [recognise(f"{name}.q4_k_m", None) for name in models]
    names = {entry.name for entry in known if entry is not None}
    assert names == {"qwen3-0.6b", "qwen3-1.7b", "tinyllama-1.1b", "phi-2", "pythia-70m", "distilgpt2"}
    assert str(found["LLAMA_CPP"]) in explained  # the version that the text names
