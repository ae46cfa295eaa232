"""The client against a real HTTP server: what it asks, what it makes of answers good and bad, and when it stamps."""

import socket
from base64 import b64encode

import pytest

from orac_bench.errors import OllamaGarbled, OllamaRefused, OllamaSilent, OllamaUnreachable
from orac_bench.ollama.client import Client, Listed, Loaded, same_model
from orac_bench.ollama.public import public
from tests.fakes.fake_ollama import (
    End,
    FakeOllama,
    answer,
    cut_over_writes,
    error_reply,
    final,
    html_reply,
    in_one_write,
    json_reply,
    runner_died,
    stream,
)
from tests.fakes.recording import VERSIONS, recorded
from tests.waiting import eventually

VERSION = {"GET /api/version": [json_reply({"version": "0.11.4"})]}
PS = "GET /api/ps"
GENERATE = "POST /api/generate"


def ps(*names):
    return json_reply({"models": [{"name": name, "size": 100, "size_vram": 25} for name in names]})


def test_the_version_is_the_servers():
    with FakeOllama(VERSION) as fake, Client(fake.url) as client:
        assert client.version() == "0.11.4"


def test_models_are_listed_with_their_digest_and_remote_ones_are_marked():
    tags = {
        "models": [
            {
                "name": "a:latest",
                "digest": "d1",
                "size": 5,
                "details": {"family": "llama", "quantization_level": "Q4_0"},
            },
            {"name": "b:cloud", "digest": "d2", "remote_host": "https://ollama.com"},
        ]
    }
    with FakeOllama({"GET /api/tags": [json_reply(tags)]}) as fake, Client(fake.url) as client:
        assert client.models() == (
            Listed(name="a:latest", digest="d1", size_b=5, architecture="llama", quantization="Q4_0", remote=False),
            Listed(name="b:cloud", digest="d2", size_b=0, architecture=None, quantization=None, remote=True),
        )


def test_loading_is_an_empty_generate_that_keeps_the_model_for_ever():
    routes = {GENERATE: [json_reply({"done": True, "done_reason": "load"})], PS: [ps("m:latest")]}
    with FakeOllama(routes) as fake, Client(fake.url) as client:
        assert client.load("m") == Loaded(name="m:latest", size_b=100, vram_b=25, context_length=None)
        assert client.loaded()[0].offload_ratio == 0.25
        assert fake.asked(GENERATE) == [{"model": "m", "keep_alive": -1, "stream": False}]


def test_a_load_that_ollama_does_not_list_afterwards_is_not_believed():
    routes = {GENERATE: [json_reply({"done": True})], PS: [ps()]}
    with FakeOllama(routes) as fake, Client(fake.url) as client, pytest.raises(OllamaGarbled, match="does not list it"):
        client.load("m")


def test_unloading_waits_until_ollama_no_longer_lists_the_model():
    routes = {GENERATE: [json_reply({"done": True, "done_reason": "unload"})], PS: [ps("m"), ps("m"), ps("m"), ps()]}
    with FakeOllama(routes) as fake, Client(fake.url) as client:
        client.unload("m")
        assert fake.asked(GENERATE) == [{"model": "m", "keep_alive": 0, "stream": False}]
        assert len(fake.asked(PS)) == 4


def test_unloading_what_is_not_loaded_asks_for_nothing():
    with FakeOllama({PS: [ps("other")]}) as fake, Client(fake.url) as client:
        client.unload("m")
        assert [request.path for request in fake.requests] == ["/api/ps"]


def test_a_model_that_stays_is_an_error_and_no_endless_wait():
    routes = {GENERATE: [json_reply({"done": True})], PS: [ps("m")]}
    with FakeOllama(routes) as fake, Client(fake.url) as client, pytest.raises(OllamaSilent, match="still lists m"):
        client.unload("m", within_s=0.1)


def test_a_measured_call_is_built_before_it_is_sent_and_stamps_what_comes():
    clock = iter(range(1000, 9000, 1000))
    routes = {**VERSION, GENERATE: [stream(answer(["a", "b"], end=final()), first_s=0.1, every_s=0.1)]}
    with FakeOllama(routes) as fake, Client(fake.url, clock=lambda: next(clock)) as client:
        call = client.prepare({"model": "m", "prompt": "p"})
        assert fake.requests == []
        found = call.send().generation()

        assert found.sent_ns == 1000
        assert [(chunk.at_ns, chunk.text) for chunk in found.chunks] == [(3000, "a"), (4000, "b")]
        assert found.done_ns == 5000  # 2000 was the answer's head
        assert fake.asked(GENERATE) == [{"model": "m", "prompt": "p", "stream": True}]


def test_a_name_and_a_password_in_the_address_are_sent_with_every_call_and_told_to_nobody():
    with FakeOllama({**VERSION, GENERATE: [stream(answer(["a"]))]}) as fake:
        host = fake.url.removeprefix("http://")
        with Client(f"http://me:p%40ss@{host}") as client:
            client.version()
            client.prepare({"model": "m"}).send().generation()
        plain, measured = fake.requests
        sent = [{name.lower(): value for name, value in each.headers.items()} for each in (plain, measured)]
    basic = f"Basic {b64encode(b'me:p@ss').decode()}"
    assert [(headers["host"], headers["authorization"]) for headers in sent] == [(host, basic)] * 2
    with pytest.raises(OllamaUnreachable) as gone, Client(f"http://me:p%40ss@{host}") as client:
        client.version()
    assert str(gone.value).startswith(f"Ollama did not answer at http://{host}.")


def test_the_connection_is_open_before_the_request_is_sent():
    with FakeOllama({GENERATE: [stream(answer(["a"]))]}) as fake, Client(fake.url) as client:
        call = client.prepare({"model": "m"})
        eventually(lambda: fake.connections == 1)
        call.send()
        assert fake.connections == 1


def test_asking_again_uses_the_same_connection():
    with FakeOllama(VERSION) as fake, Client(fake.url) as client:
        assert [client.version() for _ in range(3)] == ["0.11.4"] * 3
        assert fake.connections == 1


@pytest.mark.parametrize("play", [in_one_write, cut_over_writes])
def test_how_the_bytes_were_cut_changes_no_text(play):
    routes = {**VERSION, GENERATE: [play(answer(["a", "ß", "€"], thinking=["t"]))]}
    with FakeOllama(routes) as fake, Client(fake.url) as client:
        found = client.prepare({}).send().generation()
    assert (found.thinking, found.text, found.failure) == ("t", "aß€", None)


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (error_reply(500, "model runner has unexpectedly stopped"), "ollama_refused", "500: model runner has"),
        (error_reply(503, "server busy, please try again."), "ollama_refused", "503: server busy"),
        (error_reply(404, "model 'm' not found"), "ollama_refused", "404: model 'm' not found"),
        (html_reply(status=502), "ollama_garbled", "is not Ollama's"),
        (stream(runner_died(["a", "b"])), "ollama_refused", "unexpected EOF"),
        (stream(answer(["a"])[:-1]), "aborted", "without its final record"),
        (stream(answer(["a", "b"])[:-1], end=End.CUT), "ollama_garbled", "closed the connection"),
        (stream(answer(["a"])[:-1], end=End.HANG), "ollama_silent", "sent nothing for 1 s"),
    ],
)
def test_whatever_goes_wrong_in_a_measured_call_is_a_failure_and_never_an_exception(reply, code, words):
    with FakeOllama({**VERSION, GENERATE: [reply]}) as fake, Client(fake.url, idle_timeout_s=1) as client:
        found = client.prepare({}).send().generation()
    assert found.timings is None
    assert found.failure is not None
    assert (found.failure.code, words in found.failure.message) == (code, True)


def test_what_had_arrived_before_the_connection_was_cut_is_kept():
    routes = {**VERSION, GENERATE: [stream(answer(["a", "b"])[:-1], end=End.CUT)]}
    with FakeOllama(routes) as fake, Client(fake.url) as client:
        found = client.prepare({}).send().generation()
    assert found.text == "ab"
    assert found.failure is not None
    assert found.failure.message.endswith("2 chunks had arrived.")


def test_no_server_is_an_error_with_the_address_and_what_to_do():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Client(url) as client, pytest.raises(OllamaUnreachable) as caught:
            client.version()
    assert str(caught.value) == (
        f"Ollama did not answer at {url}. Start it with `ollama serve`, or unset ORAC_OLLAMA_URL."
    )


def test_something_else_on_the_port_is_told_from_ollama():
    routes = {"GET /api/version": [html_reply()]}
    with FakeOllama(routes) as fake, Client(fake.url) as client, pytest.raises(OllamaGarbled, match="is not Ollama"):
        client.version()


def test_no_proxy_of_the_environment_is_used(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with FakeOllama(VERSION) as fake, Client(fake.url) as client:
        assert client.version() == "0.11.4"


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_servers_are_understood(version):
    said = recorded(version)
    routes = {"GET /api/version": [said["version"]], GENERATE: [said["gen-missing"]]}
    with FakeOllama(routes) as fake, Client(fake.url) as client:
        assert client.version() == version
        with pytest.raises(OllamaRefused, match="model 'nope' not found") as caught:
            client.load("nope")
    assert caught.value.status == 404


def test_paths_of_the_servers_machine_are_not_passed_on():
    assert public("unable to load model: /var/lib/o/blobs/sha256-ab") == "unable to load model: …/sha256-ab"
    assert public('Post "http://127.0.0.1:4/completion": EOF') == 'Post "http://127.0.0.1:4/completion": EOF'


def test_names_are_the_same_with_and_without_latest_and_in_any_case():
    assert same_model("phi-2:latest", "Phi-2")
    assert same_model("host:5000/ns/phi-2:latest", "host:5000/ns/phi-2")
    assert not same_model("llama3.2:1b", "llama3.2")
