"""What a round's samples say: its telemetry metrics by key, and the energy of a token. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

from orac_bench.records import Generation, Json
from orac_bench.telemetry.gate import hottest, hottest_of
from orac_bench.telemetry.phases import RoundEnergy
from orac_bench.telemetry.source import Sample
from orac_bench.telemetry.validity import Finding


def edges(generation: Generation) -> tuple[int, ...]:
    """When the phases of a finished round begin and end: sent, first chunk with text, done.

    Without the middle one where there is none between the others.
    """
    assert generation.done_ns is not None
    first = next((chunk.at_ns for chunk in generation.chunks if chunk.text or chunk.thinking), None)
    if first is None or not generation.sent_ns < first < generation.done_ns:
        return generation.sent_ns, generation.done_ns
    return generation.sent_ns, first, generation.done_ns


def within(samples: Sequence[Sample], start_ns: int, end_ns: int) -> tuple[Sample, ...]:
    """The samples of a round; of one so short that none fell into it, the last before and the first after it."""
    inside = tuple(sample for sample in samples if start_ns <= sample.at_ns <= end_ns)
    before = [sample for sample in samples if sample.at_ns < start_ns]
    after = [sample for sample in samples if sample.at_ns > end_ns]
    return inside or (*before[-1:], *after[:1])


def round_values(samples: Sequence[Sample], edges_ns: Sequence[int], energy: RoundEnergy | None) -> dict[str, float]:
    """Metrics of a round from the first to the last of `edges_ns`. A key is missing where its value was not told.

    `samples` reach beyond both ends.
    """
    start_ns, end_ns = edges_ns[0], edges_ns[-1]
    inside = within(samples, start_ns, end_ns)
    heat = [hot for sample in inside if (hot := hottest(sample.values)) is not None]
    memory = [sample.values["ram_used_b"] for sample in inside if "ram_used_b" in sample.values]
    clocks = [sample.values["gpu_hz"] for sample in inside if "gpu_hz" in sample.values]
    total_j = None if energy is None else energy.whole.energy_j
    values = {
        "energy_j": total_j,
        "energy_above_idle_j": None if energy is None else energy.whole.energy_above_idle_j,
        "ram_peak_b": max(memory, default=None),
        "temperature_start_celsius": hottest_of([sample for sample in samples if sample.at_ns <= start_ns]),
        "temperature_max_celsius": max(heat, default=None),
        "gpu_hz_mean": mean(clocks) if clocks else None,
        "power_w_mean": None if total_j is None else total_j / ((end_ns - start_ns) / 1e9),
    }
    return {key: float(value) for key, value in values.items() if value is not None}


def joules_per_token(energy: RoundEnergy | None, metrics: Mapping[str, float], *, warm: bool) -> dict[str, float]:
    """The energy of an output token, and of an input token, of a round whose phases are prefill and decode.

    The first output token is the end of prefill, as in `decode_tokens_per_s`. Without a proven prefill (its rate is
    not among `metrics`), or with a load in it (not `warm`), an input token has none.
    """
    if energy is None or len(energy.phases) != 2:
        return {}
    prefill_j, decode_j = (phase.energy_j for phase in energy.phases)
    written, read = metrics.get("output_tokens", 0.0) - 1, metrics.get("input_tokens", 0.0)
    values = {}
    if decode_j is not None and written > 0:
        values["joules_per_output_token"] = decode_j / written
    if prefill_j is not None and read > 0 and warm and "prefill_tokens_per_s" in metrics:
        values["joules_per_input_token"] = prefill_j / read
    return values


def round_facts(energy: RoundEnergy | None, found: Sequence[Finding]) -> dict[str, Json]:
    """How the energy was had, and under `flags` the sentence of each; for the round's raw record."""
    facts: dict[str, Json] = {}
    if energy is not None:
        whole = energy.whole
        facts = {
            "measured": energy.measured,
            "method": whole.method,
            "coverage_ratio": whole.coverage_ratio,
            "tau_s": whole.tau_s,
            "idle_w": whole.idle_w,
        }
        if len(energy.phases) == 2:
            facts["prefill_j"], facts["decode_j"] = (phase.energy_j for phase in energy.phases)
    if found:
        facts["flags"] = {each.flag.value: each.sentence for each in found}
    return facts
