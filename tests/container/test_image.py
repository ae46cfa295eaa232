"""The image as it was built: what is in it, what is not, and whose it is."""

from __future__ import annotations

import stat
from pathlib import Path

from orac_bench import __version__
from tests.container.engine import Image


def test_the_image_says_what_it_is_and_how_it_is_started(image: Image) -> None:
    assert image.labels["org.opencontainers.image.version"] == __version__
    assert (image.user, image.workdir, image.command) == ("orac", "/app", ("orac", "serve"))
    assert sorted(image.volumes) == ["/app/results", "/var/lib/orac"]
    assert image.healthcheck[0] == "CMD"
    kept = ("PIP_INDEX_URL", "OLLAMA_HOST", "OLLAMA_MODELS", "JETSON_JETPACK")
    assert {name: image.environment[name] for name in kept} == {
        "PIP_INDEX_URL": "",  # pip's own default again
        "OLLAMA_HOST": "127.0.0.1:11434",
        "OLLAMA_MODELS": "/var/lib/orac/ollama/models",
        "JETSON_JETPACK": "6.2",  # the base image's: Ollama chooses its library by it
    }


def test_nothing_of_tests_of_caches_or_of_the_build_is_in_it(image: Image) -> None:
    app = {path.name for path in (image.root / "app").iterdir()}
    assert app == {
        *("benchmarks", "conftest.py", "deploy", "orac_bench", "results"),
        *("pyproject.toml", "CHANGELOG.md", "LICENSE", "README.md"),
    }
    left = ["root/.cache", "var/lib/orac/.cache", "tmp/requirements", "tmp/fetch_ollama.py"]
    assert [name for name in left if (image.root / name).exists()] == []
    assert list((image.root / "var/lib/apt/lists").glob("*Packages*")) == []
    assert [path for path in (image.root / "var/cache/apt").rglob("*") if path.is_file()] == []
    assert [path for path in (image.root / "opt/orac").rglob("tests") if path.is_dir()] == []


def test_its_user_owns_what_it_writes_and_nothing_else(image: Image) -> None:
    owned = {name: (image.root / name).stat().st_uid for name in ("app/results", "var/lib/orac", "app", "opt/orac")}
    assert owned == {"app/results": 1000, "var/lib/orac": 1000, "app": 1000, "opt/orac": 0}
    writable = [path for path in _files(image.root / "app/orac_bench") if path.stat().st_uid or _others_write(path)]
    assert writable == []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _others_write(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IWOTH)
