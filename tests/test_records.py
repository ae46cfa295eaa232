"""Records: what is kept by their names, and the little that they say of themselves."""

from __future__ import annotations

import dataclasses
import importlib

import pytest

from orac_bench.flags import EXCLUDING, ONLY_TELLING_AT_TIMES, Flag
from orac_bench.records import (
    Arrival,
    Chunk,
    Generation,
    Phase,
    Round,
    RoundStatus,
    ServerTimings,
    Status,
    Summary,
    Workload,
)
from orac_bench.telemetry.energy import Energy
from orac_bench.telemetry.reading import Engine, Rail, Reading
from tests.builders import NOON, a_case, a_result, a_workload

PURE = (
    *("records", "metrics", "verdicts", "stats.compare", "stats.ranks", "stats.plan", "stats.stopping"),
    "telemetry.energy",
)


@pytest.mark.parametrize("module", PURE)
def test_a_record_is_frozen_and_takes_its_fields_by_name(module: str) -> None:
    found = vars(importlib.import_module(f"orac_bench.{module}")).values()
    for record in found:
        if not (isinstance(record, type) and dataclasses.is_dataclass(record)):
            continue
        by_name = record not in (Arrival, Chunk)  # thousands a round, made and read in one place
        assert {field.kw_only for field in dataclasses.fields(record)} == {by_name}, record
        assert record.__dataclass_params__.frozen, record  # type: ignore[attr-defined]


def test_what_comes_a_thousand_times_a_round_has_no_dictionary() -> None:
    assert not hasattr(Arrival(1, b""), "__dict__")
    assert not hasattr(Chunk(1), "__dict__")


def test_what_is_written_into_stores_and_documents_keeps_its_words() -> None:
    assert [one.value for one in Phase] == ["warmup", "measure"]
    assert [one.value for one in RoundStatus] == ["ok", "failed"]
    assert [one.value for one in Status] == [
        *("queued", "running", "done", "failed", "cancelled", "interrupted", "lost"),
    ]
    assert [one.value for one in Flag] == [name.lower() for name in Flag.__members__]


def a_round(
    *flags: Flag,
    telling: frozenset[Flag] = frozenset(),
    phase: Phase = Phase.MEASURE,
    status: RoundStatus = RoundStatus.OK,
) -> Round:
    return Round(
        index=0,
        phase=phase,
        status=status,
        started=NOON,
        seed=1,
        metrics={},
        flags=frozenset(flags),
        telling=telling,
    )


def test_a_round_counts_where_it_is_measured_finished_and_no_flag_excludes_it() -> None:
    assert a_round().counted
    assert not a_round(phase=Phase.WARMUP).counted
    assert not a_round(status=RoundStatus.FAILED).counted
    assert {flag for flag in Flag if not a_round(flag).counted} == EXCLUDING
    assert not a_round(Flag.STARTED_HOT, Flag.SWAPPED).counted


def test_a_flag_that_only_tells_this_time_excludes_nothing() -> None:
    assert ONLY_TELLING_AT_TIMES < EXCLUDING
    for flag in ONLY_TELLING_AT_TIMES:
        assert a_round(flag, telling=frozenset({flag})).counted
        assert not a_round(flag, Flag.SWAPPED, telling=frozenset({flag})).counted


def test_a_case_is_named_for_tables_with_its_variant_and_its_lengths() -> None:
    assert (a_case().name, a_case().workload.label) == ("tiny", "64 → 16")
    assert dataclasses.replace(a_case(), variant="num_thread=4").name == "tiny num_thread=4"
    assert a_workload(prompt_tokens=None).label == "file → 16"
    assert Workload(prompt_tokens=1, output_tokens=1).version == 1


def test_a_result_counts_of_those_planned_and_under_a_precision_what_there_is() -> None:
    assert a_result(planned=200).tally == "0/200"
    assert a_result(planned=200, facts={"precision": {"wanted": 0.02}}).tally == "0"


def test_an_answer_is_the_text_of_its_chunks_with_the_thinking_apart() -> None:
    found = Generation(
        sent_ns=0,
        chunks=(Chunk(1, "", "why"), Chunk(2, "be", "?"), Chunk(3, "cause")),
        done_ns=4,
        timings=ServerTimings(),
    )
    assert (found.text, found.thinking) == ("because", "why?")
    assert (found.failure, found.raw) == (None, {})


def test_what_is_not_given_is_absent_and_never_nought() -> None:
    for record in (ServerTimings(), Summary(n=1, median=1.0, minimum=1.0, maximum=1.0), Reading(raw="")):
        defaults = [field for field in dataclasses.fields(record) if field.default is None]
        assert {getattr(record, field.name) for field in defaults} == {None}
    assert (Reading(raw="").cpus, Reading(raw="").engines, Reading(raw="").unknown) == ((), {}, ())
    assert (a_round().arrivals_ns, a_round().raw, a_round().block) == ((), {}, None)
    assert {record.__name__ for record in (Engine, Rail, Energy) if _defaults(record)} == set()


def _defaults(record: type) -> list[str]:
    """The fields that may be left out."""
    fields = dataclasses.fields(record)
    return [one.name for one in fields if one.default is not dataclasses.MISSING]
