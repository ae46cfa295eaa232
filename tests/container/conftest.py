"""The real Dockerfile, built and run on this machine: `make container-test`. Needs root, and the programs of PROGRAMS.

Everything that is built lies in a temporary folder and is removed at the end; the bare system of the stand-in stays in
ORAC_CACHE. Nothing is left out silently: without root or a program each test fails and says what to install.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.container.engine import Engine, Image
from tests.container.room import Mount, Room, room
from tests.container.standin import stand_in

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = {"buildah": "buildah", "crun": "crun", "debootstrap": "debootstrap", "ip": "iproute2"}
"""Each with the Debian package that has it."""
TAG = "localhost/orac"
LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "results", "dist")
CERTIFICATES = Path("/etc/ssl/certs")

RunIn = Callable[..., AbstractContextManager[Room]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--with-tests", action="store_true", help="run `make test` in the `test` image as well")
    parser.addoption("--with-source", action="store_true", help="compile the image's Ollama in it as well")
    parser.addoption("--storage", type=Path, metavar="FOLDER", help="keep what is built here, for the next time")


@pytest.fixture(scope="session")
def cache(caller_environ: Mapping[str, str]) -> Path:
    """Where scripts/test.sh keeps its Ollamas, and this the system of the stand-in."""
    home = caller_environ.get("XDG_CACHE_HOME") or f"{caller_environ.get('HOME', '/root')}/.cache"
    return Path(caller_environ.get("ORAC_CACHE") or f"{home}/orac-bench")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """buildah with an empty storage, or with that of --storage."""
    absent = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if absent:
        pytest.fail(f"Type: sudo apt-get install {' '.join(absent)}", pytrace=False)
    if os.geteuid() != 0:
        pytest.fail("Containers are built and run here without Docker, which takes root.", pytrace=False)
    if (kept := request.config.getoption("--storage", default=None)) is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield Engine(folder=kept.absolute())
        return
    with tempfile.TemporaryDirectory(prefix="orac-container-") as folder:
        made = Engine(folder=Path(folder))
        yield made
        made.clean()


@pytest.fixture(scope="session")
def context(engine: Engine, newer_ollama_binary: Path) -> Path:
    """A copy of the checkout to build from, with an Ollama of this machine's processor as build/ollama."""
    copy = engine.folder / "context"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT, copy, ignore=LEFT_BEHIND)
    (copy / "build").mkdir(exist_ok=True)
    shutil.copy(newer_ollama_binary, copy / "build" / "ollama")
    return copy


@pytest.fixture(scope="session")
def build(engine: Engine, context: Path, cache: Path, caller_environ: Mapping[str, str]) -> Callable[..., str]:
    """`build(tag, target=..., OLLAMA_FROM=...)`: the Dockerfile on the stand-in. What the build said.

    Who is behind an index or a certificate of their own (PIP_INDEX_URL, PIP_CERT) has them while it builds.
    """
    base = stand_in(engine, cache)
    volumes = []
    own = {"PACKAGE_INDEX": caller_environ.get("PIP_INDEX_URL", "")}
    if certificate := caller_environ.get("PIP_CERT"):
        own["PIP_CERT"] = certificate
        volumes = [f"{CERTIFICATES}:{CERTIFICATES}:ro", f"{certificate}:{certificate}:ro"]

    def built(tag: str, *, target: str = "", **arguments: str) -> str:
        chosen = {"BASE_IMAGE": base, "OLLAMA_FROM": "file", "OLLAMA_FILE": "build/ollama", **own, **arguments}
        return engine.build(context, tag, arguments=chosen, volumes=volumes, target=target)

    return built


@pytest.fixture(scope="session")
def image(engine: Engine, build: Callable[..., str]) -> Iterator[Image]:
    """The default image."""
    print("Building the image: some minutes, most of them for the requirements.", flush=True)
    build(TAG)
    with engine.image(TAG) as made:
        yield made


@pytest.fixture
def run_in(image: Image, engine: Engine) -> RunIn:
    """`run_in(COMMAND, mounts=[...])`: a container of the default image."""
    return partial(room, image, engine.folder)


@pytest.fixture
def models(tiny_models: Path) -> Mount:
    """The six tiny models as the README mounts them."""
    for file in tiny_models.iterdir():
        file.chmod(0o644)
    tiny_models.chmod(0o755)
    for parent in tiny_models.parents:  # pytest's own folders are closed to others, a person's are not
        if parent.is_relative_to(tempfile.gettempdir()) and parent != Path(tempfile.gettempdir()):
            parent.chmod(parent.stat().st_mode | 0o055)
    return Mount(source=tiny_models, target="/models/gguf", readonly=True)


@pytest.fixture
def service(run_in: RunIn, models: Mount) -> Iterator[Room]:
    """`docker run --rm -v MODELS:/models/gguf:ro orac`, ready."""
    with run_in(mounts=[models]) as started:
        started.ready()
        yield started


def open_to_all(folder: Path) -> None:
    """Makes pytest's folder one that any user may look into, as a person's folders are."""
    for part in (folder, *folder.parents):
        if part.name.startswith(("pytest-", "test_")):
            part.chmod(0o755)


def volumes(folder: Path) -> list[Mount]:
    """What `-v orac-results:/app/results -v orac-home:/var/lib/orac` is."""
    open_to_all(folder)
    made = []
    for name, target in (("orac-results", "/app/results"), ("orac-home", "/var/lib/orac")):
        source = folder / "volumes" / name / "_data"
        source.mkdir(parents=True)
        source.chmod(0o777)
        made.append(Mount(source=source, target=target))
    return made
