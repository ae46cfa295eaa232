"""Gets what `make bench` needs beside Python: an Ollama, and a model to measure. What is there already is kept.

An Ollama is built only where none is named (ORAC_OLLAMA_URL, ORAC_OLLAMA_BIN) and none is on PATH; the sample model is
fetched only where no models are named (ORAC_MODELS_DIR, or those of ORAC_OLLAMA_URL). Exit status 2 where one cannot
be had; the script that could not get it has said why.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from orac_bench.errors import OracError
from orac_bench.settings import Settings, read_settings

SCRIPTS = Path(__file__).resolve().parent


def main() -> int:
    """0 where all is there."""
    try:
        settings = read_settings()
    except OracError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    for script in wanted(settings, ollama_on_path=shutil.which("ollama") is not None):
        status = subprocess.run([sys.executable, SCRIPTS / script], check=False).returncode
        if status:
            return status
    return 0


def wanted(settings: Settings, *, ollama_on_path: bool) -> tuple[str, ...]:
    """The scripts that have something to get, in the order in which to run them."""
    scripts = []
    if settings.ollama_url is None and settings.ollama_bin is None and not ollama_on_path:
        scripts.append("build_ollama.py")
    if settings.ollama_url is None and settings.models_dir is None:
        scripts.append("fetch_sample.py")
    return tuple(scripts)


if __name__ == "__main__":
    sys.exit(main())
