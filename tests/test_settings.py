"""Settings: read once, each wrong value refused with its name, the value, and what is allowed."""

from dataclasses import replace
from pathlib import Path

import pytest

from orac_bench.errors import SettingError
from orac_bench.settings import as_environ, checkout, misspelt, read_settings


def test_without_any_variable_everything_has_its_default(tmp_path):
    found = read_settings({"HOME": "/home/ada"}, folder=tmp_path)

    assert found.home == Path("/home/ada/.local/share/orac-bench")
    assert found.database_url == "sqlite:////home/ada/.local/share/orac-bench/results/orac.db"
    assert (found.models_dir, found.ollama_url, found.ollama_bin, found.ollama_port) == (None, None, None, None)
    assert (found.idle_timeout_s, found.max_queued) == (120, 50)
    assert (found.telemetry, found.tegrastats, found.sysfs_root) == ("auto", None, Path("/"))
    assert (found.sensor_lag_s, found.gate_celsius, found.gate_limit_s, found.telemetry_keep_days) == (0.52, 3, 300, 30)


def test_the_store_of_a_checkout_is_in_its_results_folder(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "orac-bench"\n')
    (tmp_path / "deep/er").mkdir(parents=True)

    found = read_settings({"HOME": "/h"}, folder=tmp_path / "deep/er")

    assert found.database_path == tmp_path / "results/orac.db"


def test_another_projects_checkout_is_not_oracs(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert checkout(tmp_path) is None


def test_a_tilde_is_the_home_and_a_relative_path_is_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = read_settings({"HOME": "/h", "ORAC_MODELS_DIR": "~/gguf", "ORAC_HOME": "here"}, folder=tmp_path)

    assert found.models_dir == Path("/h/gguf")
    assert found.home == tmp_path / "here"
    assert found.built_ollama == tmp_path / "here/ollama/bin/ollama"


def test_an_empty_value_counts_as_unset():
    assert read_settings({"HOME": "/h", "ORAC_OLLAMA_URL": " "}).ollama_url is None


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ORAC_OLLAMA_PORT", "0", "a port from 1 to 65535"),
        ("ORAC_OLLAMA_PORT", "70000", "a port from 1 to 65535"),
        ("ORAC_OLLAMA_PORT", "http", "a port from 1 to 65535"),
        ("ORAC_IDLE_TIMEOUT_S", "0", "a number from 1 to 86400"),
        ("ORAC_IDLE_TIMEOUT_S", "nan", "a number from 1 to 86400"),
        ("ORAC_IDLE_TIMEOUT_S", "soon", "a number from 1 to 86400"),
        ("ORAC_TELEMETRY", "sysfs,nonsense", "'nonsense' is not allowed there. Allowed are auto, off, or a list of"),
        ("ORAC_TELEMETRY", "auto,host", "'auto' is not allowed there"),
        ("ORAC_TELEMETRY", "replay:", "'replay:' is not allowed there"),
        ("ORAC_SENSOR_LAG_S", "-1", "a number from 0 to 10"),
        ("ORAC_GATE_CELSIUS", "warm", "a number from 0 to 100"),
        ("ORAC_GATE_LIMIT_S", "inf", "a number from 0 to 86400"),
        ("ORAC_TELEMETRY_KEEP_DAYS", "-3", "a number from 0 to 36500"),
        ("ORAC_OLLAMA_URL", "127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("ORAC_OLLAMA_URL", "ftp://x", "http://127.0.0.1:11434"),
        ("ORAC_OLLAMA_URL", "http://x:99999", "http://127.0.0.1:11434"),
        ("ORAC_OLLAMA_URL", "http://x/api", "http://127.0.0.1:11434"),
        ("ORAC_DATABASE_URL", "postgresql://x/y", "sqlite:///results/orac.db"),
        ("ORAC_DATABASE_URL", "orac.db", "sqlite:///results/orac.db"),
        ("ORAC_DATABASE_URL", "sqlite:///", "sqlite:///results/orac.db"),
        ("ORAC_DATABASE_URL", "sqlite:///:memory:", "Name a file: sqlite:///results/orac.db"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_the_value_and_what_is_allowed(name, value, allowed):
    with pytest.raises(SettingError) as caught:
        read_settings({"HOME": "/h", name: value})
    assert name in str(caught.value)
    assert repr(value) in str(caught.value)
    assert allowed in str(caught.value)


def test_a_password_is_not_repeated():
    with pytest.raises(SettingError) as caught:
        read_settings({"HOME": "/h", "ORAC_DATABASE_URL": "postgresql://ada:secret@db/orac"})
    assert "secret" not in str(caught.value)


def test_a_misspelt_name_is_found_with_the_likely_one():
    assert misspelt({"ORAC_MODEL_DIR": "x", "PATH": "y", "ORAC_HOME": "z", "ORAC_ZZZ": ""}) == {
        "ORAC_MODEL_DIR": "ORAC_MODELS_DIR",
        "ORAC_ZZZ": None,
    }


def test_another_process_gets_the_same_settings_without_the_token(tmp_path):
    given = {
        "HOME": "/h",
        "ORAC_MODELS_DIR": "/models",
        "ORAC_ALLOWED_HOSTS": "orin.lan,*.local",
        "ORAC_TOKEN": "secret",
        "ORAC_GATE_CELSIUS": "2.5",
        "ORAC_TELEMETRY": "sysfs,host",
        "ORAC_DATABASE_URL": "sqlite:///results/orac.db",
    }
    found = read_settings(given, folder=tmp_path)

    passed_on = as_environ(found)

    assert read_settings(passed_on, folder=tmp_path / "elsewhere") == replace(found, token=None)
    assert "secret" not in str(passed_on)
