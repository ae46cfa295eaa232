"""A model made known to Ollama without a copy: a link to the GGUF file, four small files, and a manifest.

Layout of a store, read by every Ollama from 0.5 to 0.32: `blobs/sha256-<hex>` holds layers, and
`manifests/registry.ollama.ai/library/NAME/latest` names them. The GGUF layer is a link to the user's file, which may
lie in a read-only folder. A running server sees a new manifest at once. Nothing is written where the same is already
there. What must never live here: talking to a server.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orac_bench.errors import BadModel, MissingPrerequisite, ModelError
from orac_bench.models.digests import Digests
from orac_bench.models.folder import Model
from orac_bench.models.whole import write_whole
from orac_bench.records import Json

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.ollama.image."
_SMALL_B = 64 * 2**10  # the files that ORAC writes into a store are smaller


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A model as Ollama knows it."""

    name: str
    """Its name in Ollama, without the tag (`latest`)."""
    digest: str
    """SHA-256 of the GGUF file, 64 hex digits: what identifies the model in a case."""
    bytes_written: int
    """0 where everything was there already."""
    changed: bool
    """Whether anything was written, linked or replaced; a server that has it loaded still runs the old one."""


def register(
    model: Model,
    store: Path,
    *,
    digests: Digests,
    owned: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Registration:
    """`model` in the Ollama store `store`, under its slug and the tag latest. Doing it again changes nothing.

    In ORAC's own store (`owned`) whatever stands under that name is replaced; in another's nothing is overwritten but
    a link that leads nowhere. `progress` is that of `Digests.of`. Raises BadModel for a refused model, ModelError where
    a stranger's model has the name, MissingPrerequisite where the store cannot be written or is full.
    """
    if model.refused is not None or model.header is None:
        raise BadModel(f"{model.path.name} cannot be used: {model.refused}.")
    digest = digests.of(model.path, progress=progress)
    if model.path.stat().st_size != model.header.size_b:
        raise BadModel(f"{model.path.name} was replaced while ORAC ran.", next="Start again.")
    parameters = dict(model.parameters)
    if model.stop:
        parameters["stop"] = list(model.stop)
    template, options, config = model.template.text.encode(), _json(parameters), _json(_config(model, digest))
    layers: list[Json] = [
        {"mediaType": f"{_LAYER}model", "digest": f"sha256:{digest}", "size": model.header.size_b},
        {"mediaType": f"{_LAYER}template", **_described(template)},
        {"mediaType": f"{_LAYER}params", **_described(options)},
    ]
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, **_described(config)},
            "layers": layers,
        }
    )
    target = _library(store) / model.name / "latest"
    with writable(store):
        if not owned and target.exists() and target.read_bytes() != manifest:
            raise ModelError(
                f"{store} has another model named {model.name!r} already; nothing was changed there.",
                next=f"Rename {model.path.name}, or remove that model with `ollama rm {model.name}`.",
            )
        (store / "blobs").mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        linked = _link(model, digest, store, digests=digests, owned=owned)
        written = sum(_blob(data, store, owned=owned) for data in (template, options, config))
        written += _written(target, manifest, store)
    return Registration(name=model.name, digest=digest, bytes_written=written, changed=linked or written > 0)


def forget_missing(store: Path, models: Collection[Model]) -> tuple[str, ...]:
    """The names that ORAC's own `store` forgot: registered once, and no usable model of `models` now.

    A model that was pulled into the store (its weights lie there, not behind a link) is kept. Links and small files
    that no manifest names any more are removed as well. Raises MissingPrerequisite where the store cannot be written.
    """
    usable = {model.name for model in models if model.refused is None}
    forgotten = []
    with writable(store):
        for manifest in sorted(_library(store).glob("*/latest")):
            name = manifest.parent.name
            if name not in usable and not _pulled(manifest, store):
                manifest.unlink()
                forgotten.append(name)
                if not any(manifest.parent.iterdir()):
                    manifest.parent.rmdir()
        named = {digest for manifest in _manifests(store) for digest in _digests(manifest)}
        for blob in (store / "blobs").glob("sha256-*"):
            small = blob.is_symlink() or blob.stat().st_size <= _SMALL_B
            if small and blob.name.replace("-", ":", 1) not in named:
                blob.unlink()
    return tuple(forgotten)


def _library(store: Path) -> Path:
    return store / "manifests" / "registry.ollama.ai" / "library"


def _config(model: Model, digest: str) -> dict[str, Json]:
    assert model.header is not None
    return {
        "model_format": "gguf",
        "model_family": model.header.architecture,
        "model_families": [model.header.architecture],
        "model_type": _human(model.header.parameters),
        "file_type": model.header.quantization or "unknown",
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }


def _human(parameters: int) -> str:
    """Parameters as Ollama writes them: "596.05M", "1.7B". Source: format.HumanNumber of Ollama."""
    if parameters >= 1e9:
        return f"{parameters / 1e9:.1f}B".replace(".0B", "B")
    if parameters >= 1e6:
        return f"{parameters / 1e6:.2f}M"
    return f"{parameters / 1e3:.2f}K" if parameters >= 1e3 else str(parameters)


def _json(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _described(data: bytes) -> dict[str, Json]:
    return {"digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}


def _link(model: Model, digest: str, store: Path, *, digests: Digests, owned: bool) -> bool:
    """Makes the blob `digest` lead to the model's file. False where it already held these bytes."""
    blob = store / "blobs" / f"sha256-{digest}"
    file = model.path.resolve()
    linked = blob.is_symlink()
    behind = Path(os.path.realpath(blob))
    if linked and (behind == file or digests.known(behind) == digest):
        return False
    if blob.exists() and not (linked and owned) and blob.stat().st_size == file.stat().st_size:
        return False  # somebody pulled or made it: Ollama trusts a blob's name, and so does ORAC
    if blob.exists() and not owned:
        raise _foreign_blob(blob)
    unfinished = store / f".orac-{os.getpid()}-{blob.name}"
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(file)
    unfinished.replace(blob)
    return True


def _blob(data: bytes, store: Path, *, owned: bool) -> int:
    """Puts `data` into the store under its digest. Bytes written, 0 where it is there already."""
    blob = store / "blobs" / f"sha256-{hashlib.sha256(data).hexdigest()}"
    if not owned and blob.exists() and blob.read_bytes() != data:
        raise _foreign_blob(blob)
    return _written(blob, data, store)


def _written(path: Path, data: bytes, store: Path) -> int:
    """Makes `path` hold `data`. Bytes written, 0 where it held them already."""
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return 0
    write_whole(path, data, beside=store)
    return len(data)


def _foreign_blob(blob: Path) -> ModelError:
    return ModelError(
        f"{blob} does not hold what its name says; it is not ORAC's, so nothing was changed there.",
        next="Remove that file, or unset ORAC_OLLAMA_STORE.",
    )


def _manifests(store: Path) -> Iterator[Path]:
    return (path for path in (store / "manifests").rglob("*") if path.is_file())


def _digests(manifest: Path) -> list[str]:
    """Every digest that a manifest names; none where it is no manifest."""
    try:
        document = json.loads(manifest.read_bytes())
        return [str(part["digest"]) for part in (document["config"], *document["layers"])]
    except (ValueError, TypeError, KeyError):
        return []


def _pulled(manifest: Path, store: Path) -> bool:
    """Whether the manifest's weights lie in the store itself."""
    blobs = (store / "blobs" / digest.replace(":", "-", 1) for digest in _digests(manifest))
    return any(blob.is_file() and not blob.is_symlink() and blob.stat().st_size > _SMALL_B for blob in blobs)


@contextmanager
def writable(store: Path) -> Iterator[None]:
    """Around everything that writes into `store`. Raises MissingPrerequisite for an OSError, with what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise MissingPrerequisite(
                f"No space is left for Ollama's store in {store}.", next="Free some, or set ORAC_HOME to another disk."
            ) from error
        raise MissingPrerequisite(
            f"Ollama's store {store} cannot be written: {error.strerror}.",
            next="Set ORAC_HOME (or ORAC_OLLAMA_STORE, where that is meant) to a folder that you may write to.",
        ) from error
