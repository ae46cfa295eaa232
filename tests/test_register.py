"""Registration into an Ollama store: a link, four small files, and nothing of the model's bytes."""

from __future__ import annotations

import errno
import hashlib
import json
from pathlib import Path

import pytest

from orac_bench.errors import BadModel, MissingPrerequisite, ModelError
from orac_bench.models.digests import Digests
from orac_bench.models.folder import Model, discover, find
from orac_bench.models.register import Registration, forget_missing, register, writable
from tests.make_gguf import write_tiny
from tests.raw_gguf import write_raw


class Place:
    """A folder of models, a store, and the digests, as a session has them."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "models"
        self.folder.mkdir()
        self.store = root / "store"
        self.digests = Digests(path=root / "digests.json")

    def model(self, name: str) -> Model:
        return find(discover(self.folder), name)

    def register(self, name: str, *, owned: bool = True) -> Registration:
        return register(self.model(name), self.store, digests=self.digests, owned=owned)

    def manifest(self, name: str) -> Path:
        return self.store / "manifests" / "registry.ollama.ai" / "library" / name / "latest"

    def blob(self, digest: str) -> Path:
        return self.store / "blobs" / f"sha256-{digest.removeprefix('sha256:')}"

    def layers(self, name: str) -> dict[str, bytes]:
        """Each layer's kind and content, and that of the config."""
        document = json.loads(self.manifest(name).read_bytes())
        parts = [document["config"], *document["layers"]]
        return {part["mediaType"].rpartition(".")[2]: self.blob(part["digest"]).read_bytes() for part in parts}

    def links(self) -> dict[str, str]:
        """Each link's digest and the name of the file that it leads to."""
        blobs = (self.store / "blobs").iterdir()
        return {blob.name.removeprefix("sha256-"): blob.readlink().name for blob in blobs if blob.is_symlink()}

    def state(self) -> dict[str, tuple[int, int]]:
        """Everything in the store with its inode and time of change: equal only where nothing was written."""
        paths = sorted(self.store.rglob("*"))
        return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in paths}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_model_is_a_link_to_its_file_and_small_files_about_it(place: Place) -> None:
    (file,) = write_tiny(place.folder, ["tinyllama-1.1b"])
    registration = place.register("tinyllama")
    layers = place.layers("tinyllama-1.1b")
    small = sum(len(data) for kind, data in layers.items() if kind != "model")
    assert registration == Registration(
        name="tinyllama-1.1b",
        digest=sha256(file),
        bytes_written=small + place.manifest("tinyllama-1.1b").stat().st_size,
        changed=True,
    )
    assert place.links() == {sha256(file): "tinyllama-1.1b.gguf"}
    assert layers["model"] == file.read_bytes()
    assert layers["template"].decode() == place.model("tinyllama").template.text
    assert json.loads(layers["params"]) == {
        "temperature": 0.7,
        "top_p": 0.95,
        "top_k": 50,
        "repeat_penalty": 1.0,
        "num_ctx": 2048,
        "stop": ["<|system|>", "<|user|>", "<|assistant|>", "</s>"],
    }
    assert json.loads(layers["v1+json"]) == {
        "model_format": "gguf",
        "model_family": "llama",
        "model_families": ["llama"],
        "model_type": "139.58K",
        "file_type": "Q4_0",
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(file)}"]},
    }


def test_the_manifest_names_every_layer_with_its_size(place: Place) -> None:
    (file,) = write_tiny(place.folder, ["phi-2"])
    place.register("phi-2")
    document = json.loads(place.manifest("phi-2").read_bytes())
    parts = [document["config"], *document["layers"]]
    assert [(part["mediaType"], part["size"]) for part in parts] == [
        (
            "application/vnd.docker.container.image.v1+json",
            place.blob(document["config"]["digest"]).stat().st_size,
        ),
        ("application/vnd.ollama.image.model", file.stat().st_size),
        ("application/vnd.ollama.image.template", len(b"Instruct: {{ .Prompt }}\nOutput:")),
        ("application/vnd.ollama.image.params", place.blob(document["layers"][2]["digest"]).stat().st_size),
    ]
    assert all(part["digest"] == f"sha256:{sha256(place.blob(part['digest']))}" for part in parts)
    assert (document["schemaVersion"], document["mediaType"]) == (
        2,
        "application/vnd.docker.distribution.manifest.v2+json",
    )


@pytest.mark.parametrize("owned", [True, False])
def test_doing_it_again_writes_nothing(place: Place, owned: bool) -> None:
    write_tiny(place.folder)
    names = [model.name for model in discover(place.folder)]
    first = [place.register(name, owned=owned) for name in names]
    before = place.state()
    again = [place.register(name, owned=owned) for name in names]
    assert [(one.name, one.digest) for one in again] == [(one.name, one.digest) for one in first]
    assert [(one.bytes_written, one.changed) for one in again] == [(0, False)] * 6
    assert place.state() == before


def test_ollama_is_given_the_catalogues_parameters(place: Place) -> None:
    write_tiny(place.folder, ["pythia-70m"])
    place.register("pythia-70m")
    assert json.loads(place.layers("pythia-70m")["params"]) == {
        "temperature": 0.7,
        "repeat_penalty": 1.1,
        "num_ctx": 2048,
    }


def test_a_replaced_file_gets_a_new_digest_and_link(place: Place) -> None:
    file = write_raw(place.folder / "x.gguf", {"general.name": "one"})
    old = place.register("x")
    write_raw(file, {"general.name": "another"})
    new = place.register("x")
    assert new.changed
    assert new.digest == sha256(file) != old.digest
    assert place.layers("x")["model"] == file.read_bytes()
    assert forget_missing(place.store, discover(place.folder)) == ()
    assert place.links() == {new.digest: "x.gguf"}


def test_a_moved_file_is_linked_where_it_is_now(place: Place) -> None:
    file = write_raw(place.folder / "x.gguf")
    digest = place.register("x").digest
    file.rename(place.folder / "y.gguf")
    assert place.register("y").changed
    assert place.links() == {digest: "y.gguf"}
    assert forget_missing(place.store, discover(place.folder)) == ("x",)
    assert not place.manifest("x").parent.exists()
    assert place.layers("y")["model"] == (place.folder / "y.gguf").read_bytes()


def test_a_link_that_leads_to_other_bytes_by_now_is_put_right(place: Place) -> None:
    first = write_raw(place.folder / "x.gguf", {"general.name": "one"})
    digest = place.register("x").digest
    first.rename(place.folder / "y.gguf")
    write_raw(place.folder / "x.gguf", {"general.name": "another"})
    place.register("y")
    place.register("x")
    assert place.links() == {digest: "y.gguf", sha256(place.folder / "x.gguf"): "x.gguf"}


def test_two_copies_of_one_file_share_a_link_that_stays(place: Place) -> None:
    write_raw(place.folder / "a.gguf")
    write_raw(place.folder / "b.gguf")
    digest = place.register("a").digest
    assert place.register("b").changed
    before = place.state()
    assert not place.register("a").changed
    assert not place.register("b").changed
    assert place.state() == before
    assert place.links() == {digest: "a.gguf"}


def test_a_damaged_store_of_its_own_is_mended(place: Place) -> None:
    write_tiny(place.folder, ["phi-2"])
    place.register("phi-2")
    whole = place.layers("phi-2")
    for blob in (place.store / "blobs").iterdir():
        if not blob.is_symlink():
            blob.write_bytes(b"")
    place.manifest("phi-2").write_bytes(b"")
    assert place.register("phi-2").changed
    assert place.layers("phi-2") == whole


def test_another_owners_model_of_that_name_is_not_overwritten(place: Place) -> None:
    write_raw(place.folder / "x.gguf")
    place.manifest("x").parent.mkdir(parents=True)
    place.manifest("x").write_text('{"theirs": true}')
    before = place.state()
    with pytest.raises(ModelError) as caught:
        place.register("x", owned=False)
    assert str(caught.value) == (
        f"{place.store} has another model named 'x' already; nothing was changed there. "
        "Rename x.gguf, or remove that model with `ollama rm x`."
    )
    assert place.state() == before
    assert place.register("x", owned=True).changed


def test_another_owners_copy_of_the_weights_is_used_as_it_is(place: Place) -> None:
    file = write_raw(place.folder / "x.gguf")
    blob = place.blob(sha256(file))
    blob.parent.mkdir(parents=True)
    blob.write_bytes(file.read_bytes())
    place.register("x", owned=False)
    assert not blob.is_symlink()
    assert place.layers("x")["model"] == file.read_bytes()


def test_another_owners_blob_that_is_not_what_it_says_is_left_alone(place: Place) -> None:
    file = write_raw(place.folder / "x.gguf")
    blob = place.blob(sha256(file))
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"half of it")
    with pytest.raises(ModelError) as caught:
        place.register("x", owned=False)
    assert str(caught.value).startswith(f"{blob} does not hold what its name says;")
    assert (blob.read_bytes(), place.manifest("x").exists()) == (b"half of it", False)


def test_another_owners_store_gets_a_link_to_nowhere_put_right(place: Place) -> None:
    file = write_raw(place.folder / "x.gguf")
    digest = place.register("x", owned=False).digest
    file.rename(place.folder / "y.gguf")
    place.register("y", owned=False)
    assert place.links() == {digest: "y.gguf"}


def test_what_was_pulled_into_the_store_is_never_forgotten(place: Place) -> None:
    write_raw(place.folder / "x.gguf")
    place.register("x")
    weights = place.blob("ab" * 32)
    weights.write_bytes(bytes(100_000))
    place.manifest("llama3.2").parent.mkdir()
    place.manifest("llama3.2").write_text(
        json.dumps({"config": {"digest": "sha256:" + "cd" * 32}, "layers": [{"digest": "sha256:" + "ab" * 32}]})
    )
    assert forget_missing(place.store, ()) == ("x",)
    assert weights.exists()
    assert [path.name for path in place.manifest("x").parent.parent.iterdir()] == ["llama3.2"]
    assert list((place.store / "blobs").iterdir()) == [weights]


def test_forgetting_in_a_store_that_is_not_there_does_nothing(place: Place) -> None:
    assert forget_missing(place.store, ()) == ()
    assert not place.store.exists()


def test_a_refused_model_is_not_registered(place: Place) -> None:
    (place.folder / "x.gguf").touch()
    with pytest.raises(BadModel) as caught:
        register(discover(place.folder)[0], place.store, digests=place.digests, owned=True)
    assert str(caught.value) == "x.gguf cannot be used: is empty (0 bytes)."
    assert not place.store.exists()


def test_a_file_replaced_since_it_was_found_is_refused(place: Place) -> None:
    file = write_raw(place.folder / "x.gguf", {"general.name": "one"})
    model = place.model("x")
    write_raw(file, {"general.name": "a name that needs more than the alignment has to spare"})
    with pytest.raises(BadModel) as caught:
        register(model, place.store, digests=place.digests, owned=True)
    assert str(caught.value) == "x.gguf was replaced while ORAC ran. Start again."


def test_a_store_that_cannot_be_written_says_what_to_set(place: Place) -> None:
    file = write_raw(place.folder / "x.gguf")
    with pytest.raises(MissingPrerequisite) as caught:
        register(place.model("x"), file / "store", digests=place.digests, owned=True)
    assert str(caught.value) == (
        f"Ollama's store {file}/store cannot be written: Not a directory. "
        "Set ORAC_HOME (or ORAC_OLLAMA_STORE, where that is meant) to a folder that you may write to."
    )


def test_a_full_disk_is_called_so(place: Place) -> None:
    with pytest.raises(MissingPrerequisite) as caught, writable(place.store):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(caught.value) == (
        f"No space is left for Ollama's store in {place.store}. Free some, or set ORAC_HOME to another disk."
    )
