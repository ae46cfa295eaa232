"""What is read from GGUF headers, and which files are refused with which reason."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import gguf
import pytest

from orac_bench.errors import BadModel
from orac_bench.models.gguf import Header, read_header
from orac_bench.models.head import HEAD_LIMIT_B
from orac_bench.models.quantization import FILE_TYPES, TENSOR_TYPES
from tests.make_gguf import write_tiny
from tests.raw_gguf import Tensor, head, string, write_raw


def reason(path: Path) -> str:
    with pytest.raises(BadModel) as caught:
        read_header(path)
    return str(caught.value)


def test_a_header_says_everything_that_orac_shows_and_computes_with(tmp_path: Path) -> None:
    (path,) = write_tiny(tmp_path, ["qwen3-0.6b"])
    queries, keys, inner, vocabulary, layers, width = 4 * 32, 2 * 32, 128, 512, 2, 64
    layer = width * (2 * queries + 2 * keys + 3 * inner) + 2 * width + 2 * 32  # matrices, norms, norms of q and k
    assert read_header(path) == Header(
        version=3,
        size_b=path.stat().st_size,
        architecture="qwen3",
        general_type="model",
        name="qwen3-0.6b",
        parameters=2 * vocabulary * width + width + layers * layer,
        tensor_count=3 + layers * 11,
        quantization="Q4_0",
        context_length=40_960,
        block_count=layers,
        embedding_length=width,
        head_count=4,
        head_count_kv=2,
        key_length=32,
        value_length=32,
        vocabulary_size=vocabulary,
        pooled=False,
        chat_template=None,
        split_count=None,
        bos_token="<|endoftext|>",
        add_bos=False,
    )


def test_what_a_file_does_not_say_is_none(tmp_path: Path) -> None:
    header = read_header(write_raw(tmp_path / "bare.gguf"))
    assert header == Header(
        version=3,
        size_b=header.size_b,
        architecture="llama",
        general_type=None,
        name=None,
        parameters=8 * 4,
        tensor_count=1,
        quantization="F32",
        context_length=None,
        block_count=None,
        embedding_length=None,
        head_count=None,
        head_count_kv=None,
        key_length=None,
        value_length=None,
        vocabulary_size=None,
        pooled=False,
        chat_template=None,
        split_count=None,
        bos_token=None,
        add_bos=None,
    )


def test_version_2_is_read_like_version_3(tmp_path: Path) -> None:
    assert read_header(write_raw(tmp_path / "old.gguf", version=2)).parameters == 32


def test_heads_may_be_one_number_a_layer(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "x.gguf", {"llama.attention.head_count_kv": [4, 4, 0, 8]})
    assert read_header(path).head_count_kv == (4, 4, 0, 8)


def test_another_architectures_keys_do_not_count(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "x.gguf", {"clip.context_length": 77, "llama.context_length": 2048})
    assert read_header(path).context_length == 2048


def test_the_quantisation_is_the_files_own_word_else_the_type_of_most_elements(tmp_path: Path) -> None:
    said = write_raw(tmp_path / "said.gguf", {"general.file_type": 15})
    guessed = write_raw(tmp_path / "guessed.gguf", {"general.file_type": 1024 + 7})
    unknown = write_raw(tmp_path / "unknown.gguf", {"general.file_type": 999})
    assert [read_header(path).quantization for path in (said, guessed, unknown)] == ["Q4_K_M", "Q8_0", "F32"]


def test_a_name_cannot_write_escapes_to_a_terminal(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "x.gguf", {"general.name": "\x1b[31mred\nflag"})
    assert read_header(path).name == "[31mredflag"


def test_sizes_of_blocks_and_names_are_those_of_the_gguf_package() -> None:
    theirs = {kind.value: (kind.name, *gguf.GGML_QUANT_SIZES[kind]) for kind in gguf.GGMLQuantizationType}
    assert {kind: theirs[kind] for kind in TENSOR_TYPES} == TENSOR_TYPES
    names = {kind.value: kind.name.removeprefix("ALL_").removeprefix("MOSTLY_") for kind in gguf.LlamaFileType}
    assert {kind: names[kind] for kind in FILE_TYPES} == {**FILE_TYPES, 38: names.get(38, "MXFP4_MOE")}


def test_a_file_that_is_no_gguf_is_refused_by_what_it_begins_with(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"PK\x03\x04 a zip file, by no means a model")
    assert reason(path) == "is no GGUF file: it begins with b'PK\\x03\\x04'"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").touch()
    assert reason(tmp_path / "x.gguf") == "is empty (0 bytes)"


def test_a_file_that_lacks_its_last_byte_is_refused(tmp_path: Path) -> None:
    (path,) = write_tiny(tmp_path, ["phi-2"])
    whole = path.stat().st_size
    needed = gguf_end(path)
    os.truncate(path, needed)
    assert read_header(path).size_b == needed
    os.truncate(path, needed - 1)
    assert needed <= whole
    assert reason(path) == f"truncated: {needed - 1:,} of {needed:,} bytes are there"


def gguf_end(path: Path) -> int:
    """Where the last tensor ends, by the gguf package's own reader."""
    return max(int(tensor.data_offset + tensor.n_bytes) for tensor in gguf.GGUFReader(path).tensors)


@pytest.mark.parametrize("kept", [3, 4, 10, 23, 24, 60, 100])
def test_a_file_that_ends_within_its_header_is_refused(tmp_path: Path, kept: int) -> None:
    path = write_raw(tmp_path / "x.gguf", {"tokenizer.ggml.tokens": ["a", "b", "c"]})
    os.truncate(path, kept)
    wanted = "is no GGUF file: it begins with b'GGU'" if kept < 4 else "truncated: the file ends within its own header"
    assert reason(path).startswith(wanted)


def test_a_big_endian_file_is_refused_as_byte_swapped(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF" + struct.pack(">IQQ", 3, 1, 1))
    assert reason(path) == "is byte-swapped: written for big-endian machines"


def test_an_unknown_version_is_refused_by_its_number(tmp_path: Path) -> None:
    assert reason(write_raw(tmp_path / "x.gguf", version=1)) == "is GGUF version 1; versions 2 and 3 can be read"


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0), "has an implausible number of tensors: 9,223,372,036,854,775,808"),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40),
            "has an implausible number of metadata entries: 1,099,511,627,776",
        ),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62),
            "has an implausible number of bytes in a string: 4,611,686,018,427,387,904",
        ),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<IIQ", 9, 8, 2**61),
            "has an implausible number of strings: 2,305,843,009,213,693,952",
        ),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<IIQQ", 9, 8, 1, 2**64 - 1),
            "truncated: the file ends within its own header, after 57 bytes",
        ),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<IIQ", 9, 4, 2**60),
            "has an implausible number of array elements: 1,152,921,504,606,846,976",
        ),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<II", 9, 9),
            "has an array of an unknown type (9)",
        ),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<I", 77),
            "has metadata of an unknown type (77)",
        ),
        (head({"a": 1}, (Tensor(shape=(1,) * 9),)), "has an implausible number of dimensions of a tensor: 9"),
        (
            head({"a": 1}, (Tensor(shape=(2**40, 2**40)),)),
            f"has a tensor of an implausible size: {2**80:,} elements",
        ),
        (head({"general.alignment": 33}), "has an implausible alignment: 33"),
        (head({"general.name": "nobody"}), "names no architecture"),
    ],
)
def test_a_hostile_header_is_refused_at_once(tmp_path: Path, data: bytes, wanted: str) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    assert reason(path) == wanted


def test_a_head_beyond_the_limit_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<IIQ", 9, 4, HEAD_LIMIT_B))
    os.truncate(path, 8 * HEAD_LIMIT_B)
    assert reason(path) == f"has a header of more than {HEAD_LIMIT_B:,} bytes"


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.gguf")
    assert reason(tmp_path / "x.gguf") == "is no regular file"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert reason(tmp_path / "x.gguf") == "cannot be read: No such file or directory"


def test_a_large_vocabulary_is_stepped_over_and_its_first_token_found(tmp_path: Path) -> None:
    words = [f"word{number}" * (1 + number % 3) for number in range(151_936)]
    path = write_raw(
        tmp_path / "x.gguf",
        {"tokenizer.ggml.tokens": words, "tokenizer.ggml.bos_token_id": 151_643, "llama.context_length": 7},
    )
    header = read_header(path)
    assert (header.vocabulary_size, header.bos_token, header.context_length) == (151_936, words[151_643], 7)
