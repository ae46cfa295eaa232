"""Which models can be measured: files of a folder, or what a running Ollama has."""

from pathlib import Path

import pytest

from orac_bench.candidates import find_candidates, plain_name
from orac_bench.errors import BadModel, NoModels, UnknownModel
from orac_bench.settings import read_settings
from tests.fakes.fake_ollama import FakeOllama, error_reply, json_reply
from tests.make_gguf import write_tiny


def from_folder(folder, tmp_path):
    return read_settings({"HOME": str(tmp_path), "ORAC_MODELS_DIR": str(folder)}, folder=tmp_path)


def from_server(url, tmp_path):
    return read_settings({"HOME": str(tmp_path), "ORAC_OLLAMA_URL": url}, folder=tmp_path)


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    write_tiny(folder, names=("phi-2", "distilgpt2"))
    (folder / "broken.gguf").write_bytes(b"GGUF?")
    return folder


def test_without_a_folder_and_without_the_sample_it_is_said_how_to_get_one(tmp_path):
    with pytest.raises(NoModels) as caught:
        find_candidates(read_settings({"HOME": str(tmp_path)}, folder=tmp_path))
    assert "ORAC_MODELS_DIR=~/gguf" in str(caught.value)
    assert "make bench" in str(caught.value)


def test_the_sample_model_takes_the_place_of_a_folder(tmp_path):
    settings = read_settings({"HOME": str(tmp_path), "ORAC_HOME": str(tmp_path)}, folder=tmp_path)
    settings.sample_dir.mkdir()
    write_tiny(settings.sample_dir, names=("phi-2",))

    assert [candidate.name for candidate in find_candidates(settings).candidates] == ["phi-2"]


def test_the_good_files_are_candidates_and_the_others_are_named_with_the_reason(two, tmp_path):
    choice = find_candidates(from_folder(two, tmp_path))

    assert [(c.name, c.context_length, c.listed_digest) for c in choice.candidates] == [
        ("distilgpt2", 1024, None),
        ("phi-2", 2048, None),
    ]
    (refused,) = choice.refused
    assert refused.startswith("broken.gguf: ")


def test_a_model_is_found_by_its_alias_with_or_without_latest(two, tmp_path):
    for name in ("phi2", "PHI-2", "phi-2:latest"):
        assert [c.name for c in find_candidates(from_folder(two, tmp_path), [name]).candidates] == ["phi-2"]


def test_a_wrong_name_and_a_refused_file_each_have_their_reason(two, tmp_path):
    with pytest.raises(UnknownModel, match=r"Near names: .*phi-2"):
        find_candidates(from_folder(two, tmp_path), ["phi-3"])
    with pytest.raises(BadModel, match=r"broken\.gguf"):
        find_candidates(from_folder(two, tmp_path), ["broken"])


def a_server(*names, show=None):
    models = [{"name": name, "digest": f"d-{name}", "size": 7, "details": {"family": "llama"}} for name in names]
    models.append({"name": "far:cloud", "digest": "x", "remote_host": "https://ollama.com"})
    return FakeOllama(
        {
            "GET /api/tags": [json_reply({"models": models})],
            "POST /api/show": [json_reply(show or {"model_info": {"llama.context_length": 2048}})],
        }
    )


def test_a_running_ollamas_models_have_its_own_names_and_remote_ones_are_left_out(tmp_path):
    with a_server("llama3.2:1b", "phi-2:latest") as fake:
        found = find_candidates(from_server(fake.url, tmp_path)).candidates
    assert [(c.name, c.served_as, c.listed_digest, c.context_length) for c in found] == [
        ("llama3.2:1b", "llama3.2:1b", "d-llama3.2:1b", 2048),
        ("phi-2", "phi-2:latest", "d-phi-2:latest", 2048),
    ]


def test_only_the_wanted_models_of_a_server_are_asked_about(tmp_path):
    with a_server("a:latest", "b:latest") as fake:
        found = find_candidates(from_server(fake.url, tmp_path), ["A:latest"]).candidates
        assert fake.asked("POST /api/show") == [{"model": "a:latest"}]
    assert [c.name for c in found] == ["a"]


def shows(*replies):
    """What /api/show answers, one model after the other in the order of the server's list."""
    return {"POST /api/show": list(replies)}


WRITES = json_reply({"capabilities": ["completion"], "model_info": {"llama.context_length": 2048}})
EMBEDS = json_reply({"capabilities": ["embedding"]})
GONE = error_reply(404, "model 'b' not found")  # its blob is a link to a file that was removed


@pytest.mark.parametrize(
    ("unfit", "why"),
    [
        (EMBEDS, "b cannot be used: it writes no text (embedding)."),
        (GONE, "b cannot be used: Ollama answered 404 to /api/show: model 'b' not found"),
    ],
)
def test_a_model_of_a_server_that_cannot_be_measured_is_named_with_the_reason_and_the_others_are_measured(
    tmp_path, unfit, why
):
    with a_server("a:latest", "b:latest", "c:latest") as fake:
        settings = from_server(fake.url, tmp_path)
        fake.play(shows(WRITES, unfit, WRITES))
        found = find_candidates(settings)
        fake.play(shows(unfit))
        with pytest.raises(BadModel) as asked:
            find_candidates(settings, ["b"])
        fake.play(shows(unfit))
        with pytest.raises(NoModels) as none:
            find_candidates(settings)
    assert ([c.name for c in found.candidates], found.refused) == (["a", "c"], (why,))
    assert asked.value.what == why
    assert none.value.what.startswith("No model of the Ollama at http://127.0.0.1")
    assert "can be measured. a cannot be used" in none.value.what


def test_a_name_that_the_server_does_not_have_is_answered_with_the_near_ones(tmp_path):
    with a_server("llama3.2:1b") as fake:
        with pytest.raises(UnknownModel, match=r"has no model 'llama3\.2'. Near names: llama3\.2:1b\."):
            find_candidates(from_server(fake.url, tmp_path), ["llama3.2"])


def test_the_implied_tag_is_no_part_of_a_name():
    assert (plain_name("phi-2:latest"), plain_name("llama3.2:1b")) == ("phi-2", "llama3.2:1b")


def with_files(folder, url, tmp_path):
    environ = {"HOME": str(tmp_path), "ORAC_OLLAMA_URL": url, "ORAC_MODELS_DIR": str(folder)}
    return read_settings({**environ, "ORAC_OLLAMA_STORE": str(tmp_path)}, folder=tmp_path)


def test_files_beside_a_servers_models_answer_to_their_aliases_and_refused_ones_are_named(two, tmp_path):
    with a_server("llama3.2:1b") as fake:
        settings = with_files(two, fake.url, tmp_path)
        everything = find_candidates(settings)
        chosen = [find_candidates(settings, [name]).candidates for name in ("phi2", "PHI-2:latest", "llama3.2:1b")]

    assert [candidate.name for candidate in everything.candidates] == ["distilgpt2", "phi-2", "llama3.2:1b"]
    (refused,) = everything.refused
    assert refused.startswith("broken.gguf: ")
    assert [[candidate.name for candidate in found] for found in chosen] == [["phi-2"], ["phi-2"], ["llama3.2:1b"]]


def test_a_servers_own_name_comes_before_a_files_alias(two, tmp_path):
    with a_server("phi2:latest") as fake:
        (found,) = find_candidates(with_files(two, fake.url, tmp_path), ["phi2"]).candidates
    assert (found.name, found.model) == ("phi2", None)


def test_beside_a_server_a_wrong_name_and_a_refused_file_each_have_their_reason(two, tmp_path):
    with a_server("llama3.2:1b") as fake:
        settings = with_files(two, fake.url, tmp_path)
        with pytest.raises(UnknownModel, match=r"has no model 'phi-3'\. Near names: phi-2"):
            find_candidates(settings, ["phi-3"])
        with pytest.raises(BadModel, match=r"broken\.gguf"):
            find_candidates(settings, ["broken"])


@pytest.mark.parametrize("names", [(), ("broken.gguf",)])
def test_a_folder_without_a_usable_file_leaves_the_servers_models(tmp_path, names):
    folder = tmp_path / "gguf"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"GGUF?")
    with a_server("llama3.2:1b") as fake:
        choice = find_candidates(with_files(folder, fake.url, tmp_path))

    assert [candidate.name for candidate in choice.candidates] == ["llama3.2:1b"]
    (refused,) = choice.refused
    assert refused.startswith("broken.gguf: " if names else "There is no .gguf file in")
