"""The folder of models: what is found, what is refused with which reason, and what a name means."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orac_bench.errors import BadModel, NoModels, UnknownModel
from orac_bench.models.catalog import CHATML
from orac_bench.models.folder import Model, discover, find, slug
from tests.make_gguf import SHAPES, write_tiny
from tests.raw_gguf import head, write_raw

NOBODY = 65534


@contextmanager
def without_privileges() -> Iterator[None]:
    """As somebody whom file permissions hold back; root is not held back by any."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, which tmp_path is not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def reasons(folder: Path) -> dict[str, str | None]:
    """File name to reason, None for the usable ones."""
    return {model.path.name: model.refused for model in discover(folder)}


def test_every_gguf_directly_in_the_folder_is_a_model_in_the_order_of_names(tmp_path: Path) -> None:
    write_raw(tmp_path / "b.gguf")
    write_raw(tmp_path / "A.GGUF")
    write_raw(tmp_path / "._A.gguf")
    (tmp_path / "notes.txt").write_text("gguf")
    (tmp_path / "inner").mkdir()
    write_raw(tmp_path / "inner" / "c.gguf")
    assert [(model.name, model.path.name, model.refused) for model in discover(tmp_path)] == [
        ("a", "A.GGUF", None),
        ("b", "b.gguf", None),
    ]


def test_the_six_models_are_catalogued_and_answer_to_their_short_names(tmp_path: Path) -> None:
    write_tiny(tmp_path)
    models = discover(tmp_path)
    assert {model.name: (model.catalogued, model.aliases, model.context_tokens) for model in models} == {
        "distilgpt2": (True, (), 1024),
        "phi-2": (True, ("phi2",), 2048),
        "pythia-70m": (True, (), 2048),
        "qwen3-0.6b": (True, (), 4096),
        "qwen3-1.7b": (True, (), 4096),
        "tinyllama-1.1b": (True, ("tinyllama",), 2048),
    }
    assert {model.name for model in models} == set(SHAPES)


def test_a_generic_model_says_so_and_has_the_shorter_of_4096_and_its_own_context(tmp_path: Path) -> None:
    write_raw(tmp_path / "long.gguf", {"llama.context_length": 131_072, "tokenizer.chat_template": "<|im_start|>"})
    write_raw(tmp_path / "short.gguf", {"llama.context_length": 512})
    long, short = discover(tmp_path)
    assert (long.catalogued, long.template, long.parameters) == (False, CHATML, {"num_ctx": 4096})
    assert long.stop == ("<|im_start|>", "<|im_end|>")
    assert short.parameters == {"num_ctx": 512}


def test_a_catalogued_model_of_less_context_than_usual_gets_its_own(tmp_path: Path) -> None:
    write_raw(tmp_path / "tinyllama.gguf", {"llama.context_length": 256})
    assert discover(tmp_path)[0].parameters["num_ctx"] == 256


@pytest.mark.parametrize(
    ("stem", "wanted"),
    [
        ("Qwen3-0.6B-Q8_0", "qwen3-0.6b-q8_0"),
        ("My Model (v2)", "my-model-v2"),
        ("-_.x", "x"),
        ("Ünïcode modèl", "n-code-mod-l"),
        ("模型", ""),
        ("a" * 100, "a" * 80),
    ],
)
def test_a_slug_is_lower_case_and_made_of_safe_characters(stem: str, wanted: str) -> None:
    assert slug(stem) == wanted


def test_one_bad_file_is_refused_with_its_reason_and_the_others_go_on(tmp_path: Path) -> None:
    write_raw(tmp_path / "good.gguf")
    (tmp_path / "empty.gguf").touch()
    (tmp_path / "zip.gguf").write_bytes(b"PK\x03\x04....")
    (tmp_path / "folder.gguf").mkdir()
    os.mkfifo(tmp_path / "pipe.gguf")
    os.truncate(write_raw(tmp_path / "cut.gguf"), 150)
    needed = write_raw(tmp_path / "whole.gguf").stat().st_size
    (tmp_path / "hollow.gguf").write_bytes(head({"general.architecture": "llama"}))
    write_raw(tmp_path / "模型.gguf")
    assert reasons(tmp_path) == {
        "cut.gguf": f"truncated: 150 of {needed} bytes are there",
        "empty.gguf": "is empty (0 bytes)",
        "folder.gguf": "is no regular file",
        "good.gguf": None,
        "hollow.gguf": "holds no weights",
        "pipe.gguf": "is no regular file",
        "whole.gguf": None,
        "zip.gguf": "is no GGUF file: it begins with b'PK\\x03\\x04'",
        "模型.gguf": "has no letter or digit of a-z, 0-9 in its name; rename it",
    }


def test_additions_to_models_and_embedders_are_refused(tmp_path: Path) -> None:
    write_raw(tmp_path / "lora.gguf", {"general.type": "adapter"})
    write_raw(tmp_path / "mmproj.gguf", {"general.architecture": "clip"})
    write_raw(tmp_path / "mmproj-new.gguf", {"general.architecture": "clip", "general.type": "mmproj"})
    write_raw(tmp_path / "bert.gguf", {"general.architecture": "nomic-bert"})
    write_raw(tmp_path / "qwen3-embedding.gguf", {"general.architecture": "qwen3", "qwen3.pooling_type": 3})
    assert reasons(tmp_path) == {
        "bert.gguf": "makes embeddings and cannot generate text (nomic-bert)",
        "lora.gguf": "is no model of its own but an addition to one (adapter)",
        "mmproj-new.gguf": "is no model of its own but an addition to one (mmproj)",
        "mmproj.gguf": "is no model of its own but an addition to one (mmproj)",
        "qwen3-embedding.gguf": "makes embeddings and cannot generate text (qwen3)",
    }


def test_parts_of_a_split_model_are_refused_with_the_command_that_merges_them(tmp_path: Path) -> None:
    write_raw(tmp_path / "big-00002-of-00003.gguf")
    write_raw(tmp_path / "renamed.gguf", {"split.count": 3})
    merge = "merge them with `llama-gguf-split --merge FIRST.gguf WHOLE.gguf`"
    assert reasons(tmp_path) == {
        "big-00002-of-00003.gguf": f"is part 2 of 3 of a split model; {merge}",
        "renamed.gguf": f"is one of 3 parts of a split model; {merge}",
    }


def test_a_link_is_followed_within_the_folder_and_refused_beyond_it(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    secret = write_raw(tmp_path / "secret.gguf")
    write_raw(folder / "here.gguf")
    (folder / "inside.gguf").symlink_to("here.gguf")
    (folder / "outside.gguf").symlink_to(secret)
    (folder / "sneaky.gguf").symlink_to(folder / ".." / "secret.gguf")
    (folder / "gone.gguf").symlink_to("nowhere.gguf")
    (folder / "round.gguf").symlink_to("round.gguf")
    assert reasons(folder) == {
        "gone.gguf": "is a link to nothing",
        "here.gguf": None,
        "inside.gguf": None,
        "outside.gguf": f"is a link that leaves the folder, to {secret}",
        "round.gguf": "is a link to nothing",
        "sneaky.gguf": f"is a link that leaves the folder, to {secret}",
    }


def test_a_file_that_may_not_be_read_is_refused(open_folder: Path) -> None:
    write_raw(open_folder / "good.gguf").chmod(0o644)
    write_raw(open_folder / "secret.gguf").chmod(0o000)
    with without_privileges():
        assert reasons(open_folder) == {"good.gguf": None, "secret.gguf": "cannot be read: Permission denied"}


def test_two_files_with_one_name_are_both_refused_and_name_each_other(tmp_path: Path) -> None:
    write_raw(tmp_path / "My Model.gguf")
    write_raw(tmp_path / "my-model.GGUF")
    write_raw(tmp_path / "other.gguf")
    assert reasons(tmp_path) == {
        "My Model.gguf": "has the same name (my-model) as my-model.GGUF; rename one of them",
        "my-model.GGUF": "has the same name (my-model) as My Model.gguf; rename one of them",
        "other.gguf": None,
    }


def test_a_folder_without_models_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    wanted = {
        "nowhere": f"The folder of models cannot be read: {tmp_path}/nowhere (No such file or directory). "
        "Set ORAC_MODELS_DIR to a folder that holds GGUF files.",
        "file": f"The folder of models cannot be read: {tmp_path}/file (Not a directory). "
        "Set ORAC_MODELS_DIR to a folder that holds GGUF files.",
        "empty": f"There is no .gguf file in {tmp_path}/empty (folders inside it are not searched). "
        "Put GGUF files into it, or set ORAC_MODELS_DIR to a folder that holds some.",
    }
    for name, message in wanted.items():
        with pytest.raises(NoModels) as caught:
            discover(tmp_path / name)
        assert str(caught.value) == message


def test_a_folder_that_may_not_be_read_says_so(open_folder: Path) -> None:
    write_raw(open_folder / "good.gguf")
    open_folder.chmod(0o000)
    with without_privileges(), pytest.raises(NoModels) as caught:
        discover(open_folder)
    open_folder.chmod(0o755)
    assert "(Permission denied)" in caught.value.what


@pytest.fixture
def three(tmp_path: Path) -> tuple[Model, ...]:
    """Phi-2 in two quantisations, and TinyLlama."""
    (phi,) = write_tiny(tmp_path, ["phi-2"])
    (tmp_path / "phi-2.Q8_0.gguf").write_bytes(phi.read_bytes())
    phi.rename(tmp_path / "phi-2.Q4_K_M.gguf")
    write_tiny(tmp_path, ["tinyllama-1.1b"])
    return discover(tmp_path)


@pytest.mark.parametrize("name", ["tinyllama-1.1b", "TinyLlama", "tinyllama:latest", " TINYLLAMA-1.1B:latest "])
def test_a_model_is_found_by_slug_or_short_name_in_any_case(three: tuple[Model, ...], name: str) -> None:
    assert find(three, name).name == "tinyllama-1.1b"


def test_a_short_name_of_two_files_belongs_to_none_and_is_answered_with_both(three: tuple[Model, ...]) -> None:
    assert [model.aliases for model in three] == [(), (), ("tinyllama",)]
    with pytest.raises(UnknownModel) as caught:
        find(three, "phi2")
    assert str(caught.value) == "'phi2' means 2 files: phi-2.q4_k_m, phi-2.q8_0. Name one of them."


def test_an_exact_name_wins_over_the_short_name_of_others(tmp_path: Path) -> None:
    (phi,) = write_tiny(tmp_path, ["phi-2"])
    (tmp_path / "phi-2.Q8_0.gguf").write_bytes(phi.read_bytes())
    assert find(discover(tmp_path), "phi-2").path == phi


def test_an_unknown_name_is_answered_with_near_ones(three: tuple[Model, ...]) -> None:
    with pytest.raises(UnknownModel) as caught:
        find(three, "tinylama")
    assert str(caught.value) == (
        "There is no model named 'tinylama'. Near names: tinyllama, tinyllama-1.1b. `orac models` lists every file."
    )


def test_a_refused_model_is_answered_with_its_reason_also_by_its_short_name(tmp_path: Path) -> None:
    (tmp_path / "Qwen3-0.6B-Q8_0.gguf").touch()
    for name in ("qwen3-0.6b", "qwen3-0.6b-q8_0"):
        with pytest.raises(BadModel) as caught:
            find(discover(tmp_path), name)
        assert str(caught.value) == (
            f"Qwen3-0.6B-Q8_0.gguf cannot be used: is empty (0 bytes). Replace it in {tmp_path}; "
            "`orac models` lists every file."
        )


def test_a_good_file_keeps_its_short_name_beside_a_broken_one(tmp_path: Path) -> None:
    write_tiny(tmp_path, ["phi-2"])
    (tmp_path / "phi-2.Q8_0.gguf").touch()
    assert find(discover(tmp_path), "phi2").name == "phi-2"
