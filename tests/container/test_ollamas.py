"""The ways to the image's Ollama other than `file`: the release, the base image's own, and one that is compiled."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import NEWER
from tests.container.engine import CommandFailed, Engine, Image
from tests.container.room import Mount, room
from tests.container.standin import OLD_OLLAMA
from tests.test_fetch_ollama import Quiet

TAG = "localhost/orac-of"
CPU = "libggml-base.so"
_MAIN = ("bin", f"lib/ollama/{CPU}", "lib/ollama/cuda_v13")
ARCHIVES = {
    "x86_64": {"ollama-linux-amd64.tar.zst": _MAIN},
    "aarch64": {
        "ollama-linux-arm64.tar.zst": _MAIN,
        "ollama-linux-arm64-jetpack6.tar.zst": ("lib/ollama/cuda_jetpack6",),
    },
}
"""A machine's archives with what is in them. Source: release.yaml and build_linux.sh of Ollama 0.20.7."""


@pytest.fixture
def releases(newer_ollama_binary: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a site of this machine that has the release, and its folder there; made up, but for the program.

    Like the real one it has libraries of graphics cards that no board has, and a list of checksums.
    """
    folder, content = tmp_path / "site" / f"v{NEWER}", tmp_path / "content"
    for name in ("bin", "lib/ollama/cuda_v13", "lib/ollama/cuda_jetpack6"):
        (content / name).mkdir(parents=True)
    (content / "bin/ollama").symlink_to(newer_ollama_binary)
    for name in (CPU, "cuda_v13/libggml-cuda.so", "cuda_jetpack6/libggml-cuda.so"):
        (content / "lib/ollama" / name).write_text(name)
    folder.mkdir(parents=True)
    lines = []
    for archive, members in ARCHIVES[platform.machine()].items():
        packed = ["tar", "--create", "--zstd", "--dereference", f"--directory={content}", f"--file={folder / archive}"]
        subprocess.run([*packed, *members], check=True)
        lines.append(f"{hashlib.sha256((folder / archive).read_bytes()).hexdigest()}  ./{archive}\n")
    (folder / "sha256sum.txt").write_text("".join(lines))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder.parent))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


def test_a_release_is_fetched_checked_and_unpacked(
    engine: Engine, build: Callable[..., str], releases: tuple[str, Path]
) -> None:
    site, folder = releases
    listed = folder / "sha256sum.txt"
    pinned = hashlib.sha256(listed.read_bytes()).hexdigest()
    build(f"{TAG}-release", OLLAMA_FROM="release", OLLAMA_RELEASES=site, OLLAMA_CHECKSUMS_SHA256=pinned)
    with engine.image(f"{TAG}-release") as image:
        found = {path.name: path.parent.name for path in (image.root / "opt/ollama/lib").rglob("*.so")}
        overlay = {"libggml-cuda.so": "cuda_jetpack6"} if len(ARCHIVES[platform.machine()]) > 1 else {}
        assert found == {CPU: "ollama", **overlay}
        assert version(image, engine) == NEWER

    listed.write_text(listed.read_text().replace(listed.read_text()[:8], "0" * 8))
    changed = hashlib.sha256(listed.read_bytes()).hexdigest()
    with pytest.raises(CommandFailed, match=r"was not fetched. \S+ has SHA-256 \w+, expected is 00000000"):
        build(f"{TAG}-changed", OLLAMA_FROM="release", OLLAMA_RELEASES=site, OLLAMA_CHECKSUMS_SHA256=changed)


def test_the_base_images_own_ollama_is_shadowed_or_taken(
    image: Image, engine: Engine, build: Callable[..., str]
) -> None:
    build(f"{TAG}-base", OLLAMA_FROM="base")
    with engine.image(f"{TAG}-base") as other:
        assert (version(image, engine), version(other, engine)) == (NEWER, OLD_OLLAMA)


def test_it_is_compiled_where_that_is_asked_for(
    request: pytest.FixtureRequest, engine: Engine, build: Callable[..., str], models: Mount
) -> None:
    if not request.config.getoption("--with-source", default=False):
        pytest.skip("compiling takes ten minutes. Type: make container-test ARGS=--with-source")
    said = build(f"{TAG}-source", OLLAMA_FROM="source")
    assert "no CUDA compiler" in said
    with engine.image(f"{TAG}-source") as image:
        assert version(image, engine) == NEWER
        with room(image, engine.folder, mounts=[models]) as started:
            started.ready()
            answer = started.ask(
                "/v1/prompt", {"model": "qwen3-0.6b", "prompt": "Hello", "options": {"num_predict": 4}}
            )
            assert answer["output_tokens"] > 0


def version(image: Image, engine: Engine) -> str:
    """What the image's `ollama` says it is."""
    with room(image, engine.folder, "ollama", "--version") as started:
        assert started.process.wait(30) == 0
        return started.said().split()[-1]
