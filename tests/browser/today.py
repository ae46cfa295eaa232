"""The runs of today, written through the store as a measurement does: rounds, arrivals, telemetry, what went wrong."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta

from orac_bench.flags import Flag
from orac_bench.judging.headlines import HEADLINES, headlines
from orac_bench.records import (
    METRICS_VERSION,
    Case,
    Conditions,
    Failure,
    Phase,
    Round,
    RoundStatus,
    Run,
    Status,
    Workload,
)
from orac_bench.store.store import Store, open_store
from orac_bench.telemetry.source import Sample
from tests.browser.board import CASES, KINDS, POWER_W, Kind, case_key, conditions_facts, typical

MODELS = (0, 3, 7)
"""Of KINDS, which are measured today."""
ROUNDS, WARMUPS = 10, 2
FASTER = 1.34
"""What MAXN_SUPER makes of a time at 15 W."""

EXCLUDED = {("decode", 4): Flag.THROTTLED, ("decode", 7): Flag.SHORT_OUTPUT, ("first_token", 2): Flag.STARTED_HOT}
FAILED = {("decode", 5): Failure(code="ollama_garbled", message="The stream broke off after 57 tokens.")}


def sound_id(now: datetime) -> str:
    """The id of today's run in which nothing went wrong."""
    return f"{now - timedelta(hours=3):%Y%m%d-%H%M%S}-50d0"


def troubled_id(now: datetime) -> str:
    """The id of today's run in which rounds were excluded, one failed, and a case failed."""
    return f"{now - timedelta(hours=1):%Y%m%d-%H%M%S}-bad0"


def measure_today(url: str, now: datetime) -> None:
    """Adds four runs: sound, troubled, cancelled, interrupted."""
    with open_store(url, write=True, clock=lambda: now) as store:
        sound = _run(sound_id(now), now - timedelta(hours=3), "as every morning")
        _measure(store, sound, troubled=False)
        store.update_run(sound.id, status=Status.DONE, ended=sound.started + timedelta(minutes=31))
        troubled = _run(troubled_id(now), now - timedelta(hours=1), "after the fan was cleaned")
        _measure(store, troubled, troubled=True)
        store.update_run(troubled.id, status=Status.FAILED, ended=troubled.started + timedelta(minutes=29))
        for run in (sound, troubled):
            store.find_levels(run.id, HEADLINES)
        store.annotate(troubled.id, "The fan was cleaned before this run.")
        for status, ago in ((Status.CANCELLED, 40), (Status.INTERRUPTED, 20)):
            run = _run(f"{now - timedelta(minutes=ago):%Y%m%d-%H%M%S}-{status.value[:4]}", now - timedelta(minutes=ago))
            store.add_run(run, pid=1, cases=2)
            result = store.begin_result(run.id, _case(0, 0), planned=ROUNDS, position=0, offload_ratio=1.0)
            _rounds(store, result, run, 0, 0, 0.0, troubled=False, most=3)
            store.update_run(run.id, status=status, ended=run.started + timedelta(minutes=1))


def _run(id: str, started: datetime, note: str | None = None) -> Run:
    return Run(
        id=id,
        status=Status.RUNNING,
        started=started,
        ended=None,
        trigger="orac",
        note=note,
        orac_version="0.1.0",
        metrics_version=METRICS_VERSION,
        conditions=Conditions(hash="c0ffee3", facts=conditions_facts(2)),  # type: ignore[arg-type]
        seed=7,
        arguments=("--rounds", "10"),
    )


def _measure(store: Store, run: Run, *, troubled: bool) -> None:
    """Every case of today's models, and what the board said meanwhile."""
    store.add_run(run, pid=1, cases=len(MODELS) * len(CASES))
    at_s, busy = 5.0, []
    for place, (kind, case) in enumerate((kind, case) for kind in MODELS for case in range(len(CASES))):
        result = store.begin_result(run.id, _case(kind, case), planned=ROUNDS, position=place, offload_ratio=1.0)
        if troubled and kind == MODELS[-1] and CASES[case][0] == "cold_load":
            failure = Failure(code="ollama_refused", message="Ollama refused: model requires more system memory.")
            store.close_result(result, status=Status.FAILED, failure=failure)
            continue
        began_s = at_s
        at_s = _rounds(store, result, run, kind, case, at_s, troubled=troubled) + 4.0
        busy.append((began_s, at_s - 4.0))
        failed = troubled and any(suite == CASES[case][0] for suite, _ in FAILED)
        store.close_result(result, status=Status.FAILED if failed else Status.DONE)
    samples = [_sample(second, busy, troubled=troubled) for second in range(round(at_s) + 8)]
    store.add_readings(run.id, [one for one in samples if one is not None], origin_ns=0)


def _rounds(
    store: Store, result: int, run: Run, kind: int, case: int, at_s: float, *, troubled: bool, most: int = ROUNDS
) -> float:
    """The rounds of a case, one after the other from `at_s` on. When the last one ended, in s after the run began."""
    suite, prompt_tokens, output_tokens = CASES[case]
    noise = random.Random(f"{run.id} {kind} {case}")
    for number in range(WARMUPS + most):
        phase, index = (Phase.WARMUP, number) if number < WARMUPS else (Phase.MEASURE, number - WARMUPS)
        failure = FAILED.get((suite, index)) if troubled and phase is Phase.MEASURE else None
        flag = EXCLUDED.get((suite, index)) if troubled and phase is Phase.MEASURE else None
        slower = (1.05 if case % 2 == 0 else 1.0) * (1.35 if flag is Flag.THROTTLED else 1.0)
        values = _values(KINDS[kind], prompt_tokens, output_tokens, slower * (1 + noise.gauss(0, 0.012)) / FASTER)
        if suite != "cold_load":
            del values["load_s"], values["model_memory_b"]
        if number == 0:
            values["ttft_s"] *= 1.6
        stamps = _arrivals(values, output_tokens, noise)
        store.add_round(
            result,
            Round(
                index=index,
                phase=phase,
                status=RoundStatus.OK if failure is None else RoundStatus.FAILED,
                started=run.started + timedelta(seconds=at_s),
                seed=number,
                metrics={} if failure else values,
                flags=frozenset() if flag is None else frozenset({flag}),
                failure=failure,
                raw={"eval_count": output_tokens, "done_reason": "length", "prompt_eval_count": prompt_tokens},
                arrivals_ns=tuple(stamps[:57] if failure else stamps),
            ),
            headlines=headlines(suite),
        )
        at_s += values["e2e_s"] + 0.8
    return at_s


def _values(kind: Kind, prompt_tokens: int, output_tokens: int, level: float) -> dict[str, float]:
    """A round's metrics where every time is `level` times the typical one."""
    told = typical(kind, prompt_tokens, output_tokens)
    found = {key: one * level for key, one in told.items() if key.endswith("_s") and not key.endswith("_per_s")}
    found |= {key: one / level for key, one in told.items() if key.endswith("_per_s")}
    watts = POWER_W[1] * kind.appetite
    return found | {
        "tpot_s": 1 / found["decode_tokens_per_s"],
        "itl_p50_s": 1 / found["decode_tokens_per_s"],
        "client_decode_tokens_per_s": found["decode_tokens_per_s"] * 0.997,
        "input_tokens": float(prompt_tokens),
        "output_tokens": float(output_tokens),
        "energy_j": watts * found["e2e_s"],
        "energy_above_idle_j": (watts - 4.9) * found["e2e_s"],
        "joules_per_output_token": watts / found["decode_tokens_per_s"],
        "power_w_mean": watts,
        "model_memory_b": kind.memory_b,
        "ram_peak_b": kind.memory_b + 1.9e9,
        "temperature_start_celsius": 46.0,
        "temperature_max_celsius": 57.0,
        "gpu_hz_mean": 1.02e9,
        "client_cpu_s": 0.004,
    }


def _arrivals(values: dict[str, float], tokens: int, noise: random.Random) -> list[int]:
    """Arrival of each token in ns after the request."""
    at_s, found = values["ttft_s"], []
    for _ in range(tokens):
        found.append(round(at_s * 1e9))
        at_s += values["tpot_s"] * max(0.3, 1 + noise.gauss(0, 0.08))
    return found


def _sample(second: int, busy: list[tuple[float, float]], *, troubled: bool) -> Sample | None:
    """What the board says at that second; nothing for half a minute of the troubled run."""
    if troubled and 90 <= second < 120:
        return None
    working = any(begin <= second <= end for begin, end in busy)
    warm = 44 + 13 * (1 - math.exp(-second / 90)) + math.sin(second / 3)
    power = (POWER_W[1] if working else 5.0) + 0.4 * math.sin(second * 1.7)
    return Sample(
        source="sysfs",
        at_ns=second * 1_000_000_000,
        values={
            "power_w.VDD_IN": power,
            "power_w.VDD_CPU_GPU_CV": power * 0.55,
            "temperature_celsius.tj": warm,
            "temperature_celsius.cpu": warm - 2.5,
            "gpu_load_ratio": 0.97 if working else 0.02,
            "gpu_hz": 1.02e9 if working else 306e6,
            "cpu_load_ratio": 0.22 if working else 0.05,
            "cpu_hz": 1.728e9,
            "ram_used_b": 3.6e9 if working else 2.2e9,
            "emc_load_ratio": 0.61 if working else 0.03,
        },
    )


def _case(kind: int, case: int) -> Case:
    suite, prompt_tokens, output_tokens = CASES[case]
    number = kind * len(CASES) + case
    return Case(
        key=case_key(number),
        suite=suite,
        model=KINDS[kind].name,
        model_digest=f"sha256:{kind + 1:064x}",
        workload=Workload(prompt_tokens=prompt_tokens, output_tokens=output_tokens),
        options={"temperature": 0.7, "num_ctx": 2048},
    )
