"""A case over time: points, changes of level, what changed there, and how it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from orac_bench.errors import UnknownCase, UsageError
from orac_bench.judging.case_history import Told, case_history, cases_named, changed_at
from orac_bench.judging.chart import chart
from orac_bench.judging.document import cases_body, history_body
from orac_bench.judging.headlines import HEADLINES
from orac_bench.judging.text import history_text
from orac_bench.store.history import Point
from orac_bench.store.levels import changes
from orac_bench.store.store import Store, open_store
from orac_bench.units import Unit
from tests.builders import a_case, a_conditions, later
from tests.histories import DECODE, FIRST, Took, measured, nightly, scaled

NOISE = (0.0, 0.2, -0.1, 0.1, -0.2, 0.15, -0.05, 0.1, -0.15, 0.05)
DROP = [50 + off for off in NOISE] + [45 + off for off in NOISE]
"""Ten nights at 50 tokens/s, then ten at 45."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'orac.db'}", write=True, clock=lambda: later(60)) as opened:
        yield opened


def point(number: int, median: float, *, spread: float | None = 0.5, conditions: str = "c0ffee") -> Point:
    """Run `number`'s median, with an interval of plus and minus `spread`."""
    low, high = (None, None) if spread is None else (median - spread, median + spread)
    return Point(f"night-{number:02d}", later(number * 86_400), 10, median, low, high, conditions, 1, 1.0)


def test_a_lasting_drop_is_a_change_of_level_where_it_began(store: Store) -> None:
    nightly(store, DROP)
    told = case_history(store, DECODE.key)
    assert [round(one.median, 2) for one in told.points] == [round(value, 2) for value in DROP]
    assert told.changes == (
        Told(at_run="night-10", ratio=pytest.approx(0.9, abs=0.002), cause="measured", acknowledged=False),
    )


def test_what_was_found_when_runs_closed_is_what_is_found_anew(store: Store) -> None:
    nightly(store, DROP)
    points = store.points(DECODE.key, "decode_tokens_per_s")
    assert store.level_changes(DECODE.key, "decode_tokens_per_s") == changes(points)


def test_a_change_of_conditions_begins_a_segment_and_says_what_changed(store: Store) -> None:
    slow = a_conditions(hash="51000000", facts={"board": "orin", "power_mode": "15W"})
    nightly(store, [50.0, 50.1, 45.0, 45.1], conditions=[a_conditions(), a_conditions(), slow, slow])
    assert case_history(store, DECODE.key).changes == (
        Told(at_run="night-02", ratio=None, cause="conditions: power_mode MAXN to 15W", acknowledged=False),
    )


def test_another_definition_and_another_share_on_the_gpu_begin_segments_too(store: Store) -> None:
    measured(store, "one", [(DECODE, Took())], started=later(1))
    measured(store, "two", [(DECODE, Took())], started=later(2), metrics_version=2)
    measured(store, "three", [(DECODE, Took(offload_ratio=0.5))], started=later(3), metrics_version=2)
    assert [(one.at_run, one.cause) for one in case_history(store, DECODE.key).changes] == [
        ("two", "conditions: metrics_version 1 to 2"),
        ("three", "conditions: offload_ratio 1.0 to 0.5"),
    ]


def test_levels_are_not_sought_across_conditions() -> None:
    line = [point(n, 50, conditions="a") for n in range(12)] + [point(n, 45, conditions="b") for n in range(12, 24)]
    assert [(one.run, one.cause) for one in changes(line)] == [("night-12", "conditions")]


def test_a_metric_that_is_no_headline_is_found_when_it_is_asked_for(store: Store) -> None:
    for number, median in enumerate(DROP):
        values = scaled(median / 5000)
        started = later(number * 86_400)
        measured(store, f"night-{number:02d}", [(DECODE, Took(metric="e2e_s", values=values))], started=started)
    told = case_history(store, DECODE.key, metric="e2e_s")
    assert [(one.at_run, one.cause) for one in told.changes] == [("night-10", "measured")]
    assert store.level_changes(DECODE.key, "e2e_s") == ()


def test_the_body_is_that_of_the_interface(store: Store) -> None:
    measured(store, "night-00", [(DECODE, Took())])
    body = history_body(case_history(store, DECODE.key))
    assert (body["case"], body["metric"], body["unit"], body["better"]) == (
        DECODE.key,
        "decode_tokens_per_s",
        "tokens/s",
        "higher",
    )
    assert body["points"] == [
        {
            "run": "night-00",
            "at": "2026-11-22T12:00:00.000000Z",
            "n": 10,
            "median": 50.0,
            "ci_low": 49.4,
            "ci_high": 50.6,
            "conditions": "c0ffee",
        }
    ]
    assert (body["changes"], body["annotations"]) == ([], [])


def test_a_run_without_a_value_is_a_gap_and_the_facts_of_the_conditions_are_told(store: Store) -> None:
    measured(store, "night-00", [(DECODE, Took())])
    measured(store, "night-01", [(DECODE, Took(metric="e2e_s"))], started=later(86_400))
    body = history_body(case_history(store, DECODE.key, metric="decode_tokens_per_s"))
    assert body["gaps"] == [{"run": "night-01", "at": "2026-11-23T12:00:00.000000Z", "status": "done"}]
    assert body["conditions"] == {"c0ffee": {"board": "orin", "power_mode": "MAXN"}}


def test_a_deleted_run_takes_its_change_along_and_the_next_run_has_it(store: Store) -> None:
    nightly(store, DROP)
    store.delete_run("night-10")
    assert [one.at_run for one in case_history(store, DECODE.key).changes] == ["night-11"]


def test_where_only_the_runs_of_new_conditions_are_left_nothing_has_changed(store: Store) -> None:
    slow = a_conditions(hash="51000000", facts={"board": "orin", "power_mode": "15W"})
    nightly(store, [50.0, 45.0, 45.1], conditions=[a_conditions(), slow, slow])
    store.delete_run("night-00")
    assert case_history(store, DECODE.key).changes == ()


def test_runs_deleted_within_a_level_change_what_is_known_of_it(store: Store) -> None:
    # given ten nights at 50 tokens/s, and ten at 45 of which the last five are deleted
    nightly(store, DROP)
    for number in range(15, 20):
        store.delete_run(f"night-{number}")
    # then the ratio is that of the five that are left: 50.025 to 45.0
    found = store.level_changes(DECODE.key, "decode_tokens_per_s")
    assert found == changes(store.points(DECODE.key, "decode_tokens_per_s"))
    assert [(one.run, one.ratio) for one in found] == [("night-10", pytest.approx(45 / 50.025))]
    # and of four it is not known whether they are a level
    store.delete_run("night-14")
    assert store.level_changes(DECODE.key, "decode_tokens_per_s") == ()


class Overtaken(Store):
    """A store in which a night ends after the first look at it."""

    nights = 0

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with super()._reading() as session:
            yield session
        self.nights += 1
        if self.nights == 1:
            measured(self, "night-20", [(DECODE, Took(values=scaled(44.5 / 50.0)))], started=later(20 * 86_400))


def test_a_run_that_ends_while_another_is_deleted_is_counted_in(store: Store) -> None:
    nightly(store, DROP)
    Overtaken(store._engine, store.path).delete_run("night-03")
    found = store.level_changes(DECODE.key, "decode_tokens_per_s")
    assert found == changes(store.points(DECODE.key, "decode_tokens_per_s"))
    assert [(one.run, one.ratio) for one in found] == [("night-10", pytest.approx(45 / 50))]


def test_the_rollup_computed_anew_is_what_was_there(store: Store) -> None:
    nightly(store, DROP)
    before = store.points(DECODE.key, "decode_tokens_per_s"), store.level_changes(DECODE.key, "decode_tokens_per_s")
    said: list[tuple[int, int]] = []
    counts = store.rebuild(HEADLINES, told=lambda done, of: said.append((done, of)))
    after = store.points(DECODE.key, "decode_tokens_per_s"), store.level_changes(DECODE.key, "decode_tokens_per_s")
    assert (after, counts, said) == (before, (20, 1), [(20, 20)])


def test_an_acknowledged_change_is_known(store: Store) -> None:
    nightly(store, DROP)
    store.acknowledge("night-10", DECODE.key, ["decode_tokens_per_s"], "new fan")
    assert [one.acknowledged for one in case_history(store, DECODE.key).changes] == [True]


def test_only_a_change_that_is_there_can_be_acknowledged(store: Store) -> None:
    nightly(store, DROP)
    assert changed_at(store, DECODE, "night-10") == ("decode_tokens_per_s",)
    with pytest.raises(UsageError, match="did not change at run night-03; it did at night-10"):
        changed_at(store, DECODE, "night-03")


def test_cases_are_named_by_model_and_suite_or_by_key(store: Store) -> None:
    measured(store, "night-00", [(DECODE, Took()), (FIRST, Took(metric="ttft_s"))])
    assert [line.case.key for line in cases_named(store, model="tiny", suite="decode")] == [DECODE.key]
    assert [line.case.key for line in cases_named(store, key="f125")] == [FIRST.key]
    phi = a_case(key="0f12000000000001", suite="decode", model="phi-2.q4_0")
    measured(store, "night-01", [(phi, Took())], started=later(1))
    assert [line.case.key for line in cases_named(store, model="phi2")] == [phi.key]
    with pytest.raises(UnknownCase, match="No case was measured for --model distilgpt2; there are"):
        cases_named(store, model="distilgpt2")
    with pytest.raises(UsageError, match="No case is named"):
        cases_named(store)
    with pytest.raises(UnknownCase, match="There is no case 0"):
        case_history(store, "0")


def test_the_list_of_cases_is_that_of_the_interface(store: Store) -> None:
    nightly(store, [50.0, 50.0])
    assert cases_body(store.cases()) == {
        "cases": [
            {
                "case": DECODE.key,
                "model": "tiny",
                "variant": None,
                "suite": "decode",
                "workload": {"prompt_tokens": 64, "output_tokens": 16, "prompt_sha256": None, "version": 1},
                "runs": 2,
                "last_at": "2026-11-22T12:01:00.000000Z",
                "metrics": ["decode_tokens_per_s"],
            }
        ]
    }


def test_a_chart_shows_medians_intervals_and_changes() -> None:
    line = [point(0, 50), point(1, 50), point(2, 46), point(3, 46)]
    assert chart(line, {"night-02"}, Unit.TOKENS_PER_SECOND, width=40, plain=True) == [
        "50.5 tok/s |||",
        "           |oo",
        "           |||",
        "           |",
        "           |",
        "           |",
        "           |  ||",
        "           |  oo",
        "45.5 tok/s |  ||",
        "              ^",
    ]


def test_more_runs_than_columns_are_put_together() -> None:
    line = [point(number, 50 if number < 500 else 46) for number in range(1000)]
    drawn = chart(line, {"night-500"}, Unit.TOKENS_PER_SECOND, width=33)
    assert {len(row) for row in drawn} <= set(range(33))
    assert drawn[1] == "           ┤" + "●" * 10
    assert drawn[-1].strip() == "▲"


def test_equal_points_without_intervals_are_drawn_and_one_point_is_not() -> None:
    line = [point(0, 50, spread=None), point(1, 50, spread=None)]
    drawn = chart(line, (), Unit.TOKENS_PER_SECOND)
    assert [row for row in drawn if "●" in row] == ["           ┤●●"]
    assert chart(line[:1], (), Unit.TOKENS_PER_SECOND) == []


def test_the_text_has_a_line_a_run_with_what_changed_and_what_was_written(store: Store) -> None:
    nightly(store, DROP)
    store.annotate("night-12", "new\nfan")
    text = history_text(case_history(store, DECODE.key), limit=11)
    assert "tiny decode 64 → 16, Decode (case dec0de0000000001)" in text
    lines = {line.split()[2]: line for line in text.splitlines() if " night-" in line}
    assert list(lines) == ["night-09", *(f"night-{number}" for number in range(10, 20))]
    assert lines["night-10"].endswith("-10.0 % from here on")
    assert lines["night-12"].endswith("new fan")
    assert "9 older runs are in the chart only; --limit shows more." in text


def test_a_change_has_its_line_however_long_ago(store: Store) -> None:
    nightly(store, DROP)
    text = history_text(case_history(store, DECODE.key), limit=2)
    shown = [line.split()[2] for line in text.splitlines() if " night-" in line]
    assert shown == ["night-10", "night-18", "night-19"]
    assert "17 older runs are in the chart only; --limit shows more." in text


def test_the_text_names_the_runs_that_have_the_case_and_no_value(store: Store) -> None:
    nightly(store, [50.0, 50.1])
    measured(store, "night-x", [(DECODE, Took(values=[]))], started=later(5 * 86_400))
    text = history_text(case_history(store, DECODE.key))
    assert text.endswith("\n1 run without a value: night-x (done). `orac show RUN --rounds` says why.\n")


def test_a_metric_that_no_run_has_is_said_instead_of_an_empty_table(store: Store) -> None:
    measured(store, "night-00", [(DECODE, Took())])
    told = history_text(case_history(store, DECODE.key, metric="energy_j"))
    assert told == (
        "tiny decode 64 → 16, Energy (case dec0de0000000001)\n\n"
        "None of its runs has energy_j. `orac show RUN` tells what a run has, `--metric` names another.\n"
    )
