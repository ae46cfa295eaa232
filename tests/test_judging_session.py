"""Where levels changed is found when a run ends, and when runs of elsewhere are taken in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orac_bench.cli import main
from orac_bench.judging.case_history import case_history
from orac_bench.store.store import open_store
from tests.histories import DECODE, nightly
from tests.sessions import a_point, a_session, measure, settings_for
from tests.test_session import good, playing

LEVELS = [level + off for level in (50.0, 45.0) for off in (0.0, 0.2, -0.1, 0.1, -0.2) * 2]


def test_a_run_that_ends_has_found_where_the_levels_of_its_cases_changed(tmp_path: Path) -> None:
    for version in ("0.11.4", "0.20.7"):
        with playing(*[good(tokens=16)] * 20, version=version) as fake:
            settings = replace(settings_for(fake.url, tmp_path), ollama_url=fake.url)
            with a_session(settings) as (session, candidate):
                with session.measuring(candidate, a_point(output_tokens=16)) as measurement:
                    measure(measurement)
                session.end(interrupted=False)
    with open_store(settings.database_url, write=False) as store:
        (line,) = store.cases()
        (change,) = store.level_changes(line.case.key, "ttft_s")
        (told,) = case_history(store, line.case.key).changes
    assert (change.run, change.cause) == (session.run.id, "conditions")
    assert told.cause == "conditions: ollama_version 0.11.4 to 0.20.7"


def test_runs_that_are_taken_in_have_their_changes_of_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    here, elsewhere = f"sqlite:///{tmp_path}/here.db", f"sqlite:///{tmp_path}/elsewhere.db"
    monkeypatch.setenv("ORAC_HOME", str(tmp_path / "home"))
    with open_store(elsewhere, write=True) as store:
        runs = nightly(store, LEVELS)
    assert main(["export", *runs, "--database", elsewhere, "-o", str(tmp_path / "runs.json")]) == 0
    assert main(["import", str(tmp_path / "runs.json"), "--database", here]) == 0
    with open_store(here, write=False) as store:
        changes = store.level_changes(DECODE.key, "decode_tokens_per_s")
    assert [(one.run, one.cause) for one in changes] == [("night-10", "measured")]
    assert "Taken in: night-00" in capfd.readouterr().out
