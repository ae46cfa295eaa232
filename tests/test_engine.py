"""Whose Ollama a session uses: the address that is set, a running service's, or an own one; and how it is left."""

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orac_bench.announcement import announced
from orac_bench.conditions import conditions, server_facts
from orac_bench.engine import Engine, running_engine
from orac_bench.errors import OllamaRefused, OllamaUnreachable
from orac_bench.ollama.client import Client
from orac_bench.ollama.server import environment
from orac_bench.report import EVENTS_FD
from orac_bench.selfcheck.known_server import MODEL, known_server
from orac_bench.settings import Settings, read_settings
from tests.fakes.fake_ollama import LOAD, FakeOllama, error_reply, json_reply

PINNED = environment(port=1, store=Path("/a"), home=Path("/b"))


@dataclass
class Serving:
    url: str
    version: str = "0.11.4"
    environment: dict[str, str] = field(default_factory=lambda: dict(PINNED))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"ORAC_HOME": str(tmp_path / "home")}, folder=tmp_path)


def hash_of(engine: Engine) -> str:
    facts = server_facts(version="0.11.4", supervised=engine.supervised, environment=engine.environment)
    return conditions({}, facts, {}).hash


def loaded(url: str) -> list[str]:
    with Client(url) as client:
        return [model.name for model in client.loaded()]


def test_a_running_services_ollama_is_used_under_the_conditions_of_an_own_one(settings: Settings) -> None:
    own = server_facts(
        version="0.11.4", supervised=True, environment=environment(port=2, store=Path("/c"), home=Path("/d"))
    )
    with known_server() as server, announced(settings, Serving(server.url)):
        with running_engine(settings, {}, note=print) as engine:
            assert (engine.client.url, engine.supervised, engine.borrowed, engine.local) == (
                server.url,
                True,
                True,
                True,
            )
            assert engine.store == settings.home / "ollama" / "models"
            assert hash_of(engine) == conditions({}, own, {}).hash


def test_an_address_that_is_set_comes_before_what_a_service_announces(settings: Settings, tmp_path: Path) -> None:
    with known_server() as named, known_server() as other, announced(settings, Serving(other.url)):
        environ = {"ORAC_HOME": str(settings.home), "ORAC_OLLAMA_URL": named.url}
        with running_engine(read_settings(environ, folder=tmp_path), {}, note=print) as engine:
            assert (engine.client.url, engine.supervised) == (named.url, False)
            assert engine.environment == {}


@pytest.mark.parametrize("ending", [KeyboardInterrupt, OllamaUnreachable])
def test_what_the_service_had_loaded_is_loaded_again_however_the_measurement_ends(
    settings: Settings, ending: type[BaseException]
) -> None:
    with known_server() as server, announced(settings, Serving(server.url)):
        with Client(server.url) as client:
            client.load(MODEL)
        with running_engine(settings, {}, note=print) as engine:
            assert engine.client.unload_all() == (MODEL,)
            assert loaded(server.url) == []
        assert loaded(server.url) == [MODEL]
        with pytest.raises(ending), running_engine(settings, {}, note=print) as engine:
            engine.client.unload_all()
            raise ending("in mid round")
        assert loaded(server.url) == [MODEL]


def test_what_was_not_loaded_before_is_not_loaded_after(settings: Settings) -> None:
    with known_server() as server, announced(settings, Serving(server.url)):
        with running_engine(settings, {}, note=print) as engine:
            engine.client.load(MODEL)
        assert loaded(server.url) == []


def test_a_load_that_failed_makes_no_model_of_somebody_else_ours(tmp_path: Path) -> None:
    listed = json_reply({"models": [{"name": "m:latest", "size": 100, "size_vram": 0}]})
    loads = [error_reply(500, "unable to load model"), json_reply({"done": True})]
    routes = {"GET /api/version": [json_reply({"version": "0.11.4"})], "GET /api/ps": [listed], LOAD: loads}
    with FakeOllama({**routes, "POST /api/generate": []}) as fake:
        environ = {"ORAC_HOME": str(tmp_path), "ORAC_OLLAMA_URL": fake.url}
        with running_engine(read_settings(environ, folder=tmp_path), {}, note=print) as engine:
            with pytest.raises(OllamaRefused):
                engine.only("m")
            assert [engine.only("m") is not None for _ in range(2)] == [True, True]
        assert len(fake.asked(LOAD)) == 2  # it failed, it was asked for anew, and then it was known


def test_a_service_that_came_back_with_another_ollama_is_followed(settings: Settings) -> None:
    with known_server() as second, ExitStack() as service:
        first = service.enter_context(known_server())
        service.enter_context(announced(settings, Serving(first.url)))
        with running_engine(settings, {}, note=print) as engine:
            assert engine.revive() is False  # it answers
            service.close()
            with announced(settings, Serving(second.url)):
                assert engine.revive() is True
                assert (engine.client.url, engine.borrowed) == (second.url, True)
                assert engine.revive() is False


def test_a_run_of_the_service_takes_no_other_ollama_when_the_service_has_gone(settings: Settings) -> None:
    notes: list[str] = []
    with ExitStack() as service:
        server = service.enter_context(known_server())
        service.enter_context(announced(settings, Serving(server.url)))
        with running_engine(settings, {EVENTS_FD: "9"}, note=notes.append) as engine:
            service.close()
            assert engine.revive() is False
            with pytest.raises(OllamaUnreachable):
                engine.only(MODEL)
    assert notes[0].startswith("Ollama was not left as it was found: ")


def test_an_announced_ollama_that_is_being_started_again_is_waited_for(settings: Settings) -> None:
    routes = {"GET /api/version": [json_reply({"version": "x"}, status=503)] * 2 + [json_reply({"version": "0.11.4"})]}
    with FakeOllama({**routes, "GET /api/ps": [json_reply({"models": []})]}) as fake:
        with announced(settings, Serving(fake.url)), running_engine(settings, dict(os.environ), note=print) as engine:
            assert engine.version == "0.11.4"
