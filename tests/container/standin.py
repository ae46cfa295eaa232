"""A stand-in for the board's base image: Ubuntu 22.04 for this machine's processor, with the quirks of the real one.

The real image (dustynv/ollama:r36.4.3) is for aarch64 and has CUDA in it. Like that one, this has a Python 3.10 without
pip and ensurepip, an Ollama of its own that is too old, `/start_ollama` as its command, an index of its authors for
pip, and the `nv_tegra_release` of the machine that built it. Source: the recipe, packages/llm/ollama of
jetson-containers in March 2025.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.container.engine import Engine, ran

TAG = "localhost/orac-stand-in"
RELEASES = ("jammy", "bookworm")
"""Ubuntu 22.04; where its archive cannot be had, a Debian with Python 3.11. debootstrap knows where they are."""
KEYRING = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")
OLD_OLLAMA = "0.6.0"

ENVIRONMENT = {
    "OLLAMA_HOST": "0.0.0.0",
    "OLLAMA_MODELS": "/data/models/ollama/models",
    "JETSON_JETPACK": "6.2",
    "CUDA_VERSION_MAJOR": "12",
    "LD_LIBRARY_PATH": "/usr/local/cuda/compat:/usr/local/cuda/lib64",
    "PIP_INDEX_URL": "https://jetson.index.invalid/jp6/cu126",
    "PIP_TRUSTED_HOST": "jetson.index.invalid",
}
QUIRKS = {
    "start_ollama": "#!/bin/bash\nOLLAMA_LLM_LIBRARY=cuda_12 ollama serve &> /data/logs/ollama.log &\n"
    "timeout 5 tail -f /data/logs/ollama.log\n",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, "
    "DATE: Wed Jan  8 01:49:37 UTC 2025\n",
    "usr/local/bin/ollama": f'#!/bin/sh\necho "ollama version is {OLD_OLLAMA}"\n',
}
"""Files of the real image by their path. The old Ollama only tells its version."""


def stand_in(engine: Engine, cache: Path) -> str:
    """The tag of the stand-in in `engine`. The bare system comes from the network once, and is kept in `cache`."""
    if f"{TAG}:latest" in engine("images", "--noheading", "--format", "{{.Name}}:{{.Tag}}").split():
        return TAG
    system = next((_system(cache, release) for release in RELEASES if _system(cache, release).exists()), None)
    container = engine("from", "scratch").strip()
    engine("add", container, str(system or _bootstrapped(cache)), "/")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in QUIRKS.items():
            file = Path(folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755)
        engine("add", container, folder, "/")
    settings = [f"--env={name}={value}" for name, value in ENVIRONMENT.items()]
    engine("config", *settings, "--port=11434", "--cmd", "/bin/sh -c '/start_ollama && /bin/bash'", container)
    engine("commit", "--quiet", "--rm", "--format", "docker", container, TAG)
    return TAG


def _system(cache: Path, release: str) -> Path:
    return cache / f"stand-in-{release}.tar"


def _bootstrapped(cache: Path) -> Path:
    """A new system, made by debootstrap. Its signatures are checked where this machine has Ubuntu's keys."""
    cache.mkdir(parents=True, exist_ok=True)
    print("Making a stand-in for the base image from a distribution's archive, once: about two minutes.", flush=True)
    for release in RELEASES:
        signed = ["--no-check-gpg"] if release == "jammy" and not KEYRING.exists() else []
        parts = "main,universe" if release == "jammy" else "main"
        with tempfile.TemporaryDirectory(prefix="orac-stand-in-") as folder:
            root = Path(folder) / "root"
            command = ["debootstrap", "--variant=minbase", f"--components={parts}", *signed]
            command += ["--include=python3,python-is-python3,ca-certificates", release, str(root)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                made = _system(cache, release)
                ran("tar", "--create", f"--directory={root}", "--exclude=./var/cache/apt/*", f"--file={made}.new", ".")
                Path(f"{made}.new").replace(made)
                return made
            print(f"There is no {release}: {(done.stderr or done.stdout).strip()[-300:]}", file=sys.stderr, flush=True)
    raise RuntimeError("No stand-in could be made: no archive of a distribution was reached.")
