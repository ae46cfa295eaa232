"""Every prerequisite with a verdict and a next step, looked at and never changed."""

import os

import pytest

from orac_bench.doctor import Check, State, examine
from orac_bench.lock import measuring_alone
from orac_bench.settings import read_settings
from tests.fakes.fake_ollama import FakeOllama, json_reply
from tests.make_gguf import write_tiny


@pytest.fixture
def settings(tmp_path):
    """A healthy place: a tiny model, an Ollama that answers, a home that can be written."""
    folder = tmp_path / "gguf"
    folder.mkdir()
    write_tiny(folder, names=("phi-2",))
    program = tmp_path / "ollama"
    program.write_text("#!/bin/sh\necho ollama version is 0.11.4\n")
    program.chmod(0o755)

    def made(**changes):
        environ = {
            "HOME": str(tmp_path),
            "PATH": os.environ["PATH"],
            "ORAC_HOME": str(tmp_path / "home"),
            "ORAC_MODELS_DIR": str(folder),
            "ORAC_OLLAMA_BIN": str(program),
            "ORAC_SYSFS_ROOT": str(tmp_path / "machine"),  # where the tests run may be a container
            **changes,
        }
        return read_settings(environ, folder=tmp_path), environ

    return made


def checks(settings_and_environ, **kept):
    found = examine(*settings_and_environ, **kept)
    return {check.name: check for check in found}


def test_a_healthy_place_misses_nothing_and_is_not_changed(settings, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    found = checks(settings())

    assert [name for name, check in found.items() if check.state is not State.OK and name != "load"] == []
    expected = {"python", "home", "models", "ollama", "store", "disk", "memory", "load", "telemetry", "lock"}
    assert set(found) == expected
    assert found["models"].detail == "1: phi-2"
    assert found["ollama"].detail.startswith("0.11.4 at ")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_missing_says_what_to_type(settings, tmp_path):
    (tmp_path / "empty").mkdir()
    found = checks(settings(ORAC_MODELS_DIR=str(tmp_path / "empty"), ORAC_OLLAMA_BIN=str(tmp_path / "none")))

    assert (found["models"].state, found["ollama"].state) == (State.MISSING, State.MISSING)
    assert found["models"].next
    assert found["ollama"].next


def test_a_refused_file_is_a_warning_beside_the_good_ones(settings, tmp_path):
    (tmp_path / "gguf/broken.gguf").write_bytes(b"no")
    found = [check for check in examine(*settings()) if check.name == "models"]

    assert [check.state for check in found] == [State.OK, State.WARNING]
    assert "broken.gguf" in found[1].detail


def test_an_ollama_too_old_for_qwen3_is_said_in_plain_words(settings, tmp_path):
    (tmp_path / "ollama").write_text("#!/bin/sh\necho ollama version is 0.6.0\n")

    assert checks(settings())["ollama"].state is State.WARNING
    assert "cannot load Qwen3, which needs 0.6.6 or newer" in checks(settings())["ollama"].detail


def test_a_running_ollama_is_asked_for_its_version(settings):
    listed = {"models": [{"name": "m:latest", "digest": "d", "size": 1, "details": {"family": "llama"}}]}
    routes = {
        "GET /api/version": [json_reply({"version": "0.12.11"})],
        "GET /api/tags": [json_reply(listed)],
        "POST /api/show": [json_reply({})],
    }
    with FakeOllama(routes) as fake:
        assert checks(settings(ORAC_OLLAMA_URL=fake.url))["ollama"].detail == f"0.12.11 at {fake.url}"


def test_a_misspelt_setting_is_found(settings):
    found = checks(settings(ORAC_MODEL_DIR="/x"))

    assert found["settings"] == Check(
        name="settings",
        state=State.WARNING,
        detail="ORAC_MODEL_DIR is not a setting that this version reads.",
        next="Did you mean ORAC_MODELS_DIR?",
    )


def test_a_home_that_cannot_be_written_is_missing(settings, tmp_path):
    (tmp_path / "file").write_text("")
    assert checks(settings(ORAC_HOME=str(tmp_path / "file/home")))["home"].state is State.MISSING


def test_what_mounts_and_rights_spoil_is_told_once_and_first(settings, tmp_path):
    (tmp_path / "gguf/phi-2.gguf").unlink()
    found = [check for check in examine(*settings(OLLAMA_HOST="0.0.0.0")) if check.state is not State.OK]

    assert [check.name for check in found if check.name != "load"] == ["models", "port"]
    assert found[0].detail == f"There is no GGUF file in {tmp_path}/gguf."


def test_a_database_that_is_none_is_told(settings, tmp_path):
    (tmp_path / "other.db").write_text("this is a letter to my aunt, not a database " * 40)
    found = checks(settings(ORAC_DATABASE_URL=f"sqlite:///{tmp_path}/other.db"))

    assert found["store"].state is State.MISSING


def test_who_measures_now_is_named(settings):
    wish = settings()
    with measuring_alone(wish[0].home / "measure.lock", what="decode of phi-2", waiting=None):
        found = checks(wish)["lock"]
    assert found.state is State.WARNING
    assert "decode of phi-2" in found.detail


def test_a_busy_machine_is_a_warning(settings, tmp_path):
    (tmp_path / "root/proc").mkdir(parents=True)
    (tmp_path / "root/proc/loadavg").write_text("64.0 1 1 1/1 1\n")

    assert checks(settings(), root=tmp_path / "root")["load"].state is State.WARNING
