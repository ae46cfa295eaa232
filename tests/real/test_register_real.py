"""A real Ollama lists, loads and answers from what `register` wrote, and the model files are only read."""

from __future__ import annotations

from pathlib import Path

import pytest

from orac_bench.models.digests import Digests
from orac_bench.models.folder import Model, discover
from orac_bench.models.register import register
from orac_bench.ollama.client import Client
from orac_bench.ollama.server import Server
from orac_bench.records import Json
from tests.make_gguf import SHAPES, THOUGHT

pytestmark = pytest.mark.real


def registered(server: Server, folder: Path, tmp_path: Path) -> tuple[Model, ...]:
    """The tiny models, made known to a server that already runs."""
    models = discover(folder)
    store, digests = Path(server.environment["OLLAMA_MODELS"]), Digests(path=tmp_path / "digests.json")
    for model in models:
        register(model, store, digests=digests, owned=True)
    return models


def unread(path: Path) -> tuple[int, int, int]:
    """What changes where a file is written or replaced."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def asked(model: Model, **more: Json) -> dict[str, Json]:
    """A raw request of 16 tokens, as a measurement sends it, and what `more` adds or replaces."""
    options: dict[str, Json] = {"num_predict": 16, "temperature": 0.7, "seed": 1, "stop": []}
    return {
        "model": model.name,
        "prompt": model.template.prefix + "Hello" + model.template.suffix,
        "raw": True,
        "options": options,
        **more,
    }


def test_all_six_models_load_and_answer_and_their_folder_stays_as_it_was(
    tiny_server: Server, tiny_models: Path, tmp_path: Path
) -> None:
    before = {path.name: unread(path) for path in tiny_models.iterdir()}
    models = registered(tiny_server, tiny_models, tmp_path)
    with Client(tiny_server.url) as client:
        assert (
            {model.name for model in models}
            == set(SHAPES)
            <= {listed.name.removesuffix(":latest") for listed in client.models()}
        )
        for model in models:
            client.load(model.name)
            generation = client.generate(asked(model))
            assert generation.timings is not None
            assert (generation.timings.eval_count, generation.timings.done_reason) == (16, "length")
            assert generation.text.isprintable()
            client.unload(model.name)
    assert {path.name: unread(path) for path in tiny_models.iterdir()} == before


def test_the_template_lets_qwen3_think_apart_from_its_answer_or_not_at_all(
    tiny_server: Server, tiny_models: Path, tmp_path: Path
) -> None:
    (model,) = [one for one in registered(tiny_server, tiny_models, tmp_path) if one.name == "qwen3-0.6b"]
    thought = "".join(THOUGHT[1:-1]).replace("Ġ", " ").strip()
    with Client(tiny_server.url) as client:
        thinking = client.generate(asked(model, think=True))
        template = client.generate(asked(model, think=True, raw=False, prompt="Hello"))
        silent = client.generate(asked(model, think=False, raw=False, prompt="Hello"))
        client.unload(model.name)
    assert [one.thinking.strip() for one in (thinking, template, silent)] == [thought, thought, ""]
    assert all(one.text for one in (thinking, template, silent))
    assert "<think>" not in thinking.text + template.text + silent.text
