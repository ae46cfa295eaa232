"""What the doors show: tables of results, runs and models as text. Uses rich; computes nothing.

Each function returns text without colour that fits into `width` columns as far as its content allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from orac_bench.flags import EXCLUDING, FLAG_TEXT, Flag
from orac_bench.metrics import METRICS, RESULT_KEYS
from orac_bench.records import Json, Phase, Result, Round, RoundStatus, Run, Status, Summary
from orac_bench.units import ABSENT, Unit, counted, interval
from orac_bench.units import format as written
from orac_bench.visible import visible

TELEMETRY = (
    "joules_per_output_token",
    "joules_per_input_token",
    "energy_j",
    "energy_above_idle_j",
    "power_w_mean",
    "temperature_max_celsius",
    "gpu_hz_mean",
    "ram_peak_b",
    "sampler_cpu_s",
)
"""Metrics of the table of telemetry; a column that no result fills is left out."""


NARROWEST = 104
"""Columns that a table of results needs; in a narrower terminal its lines run over."""

INTERVAL = 12
"""Columns that an interval needs so as not to be broken in its middle: "(0.980–1.50)"."""

_NEEDED = {"suite": 13, "tokens": 9, "n": 5, **{METRICS[key].label: INTERVAL for key in RESULT_KEYS}}


def results_table(results: Sequence[Result], *, width: int = 100) -> str:
    """A block a model, a line a case: metrics as median (95 % interval), and how many rounds count."""
    keys = [key for key in RESULT_KEYS if any(key in result.summary for result in results)]
    blocks = []
    for model in dict.fromkeys(result.case.name for result in results):
        cases = [result for result in results if result.case.name == model]
        table = _table("suite", "tokens", *(METRICS[key].label for key in keys), "n")
        for result in cases:
            cells = [spread(result.summary.get(key), METRICS[key].unit) for key in keys]
            count = result.tally if result.status is Status.DONE else f"{result.tally} {result.status.value}"
            table.add_row(result.case.suite, result.case.workload.label, *cells, count)
        blocks.append(f"{visible(model)}\n{_text(table, max(width, NARROWEST))}")
    legend = "Median (95 % interval) of the rounds that count; n: how many of the planned ones do."
    return "\n".join([*blocks, legend])


def telemetry_table(results: Sequence[Result], *, width: int = 100) -> str:
    """A line a case: what the board did and what it cost, as medians of the rounds that count. Empty without any."""
    keys = [key for key in TELEMETRY if any(key in result.summary for result in results)]
    if not keys:
        return ""
    table = _table("telemetry", *(METRICS[key].label for key in keys))
    for result in results:
        medians = {key: summary.median for key, summary in result.summary.items()}
        cells = [written(medians.get(key), METRICS[key].unit) for key in keys]
        table.add_row(f"{result.case.name} {result.case.suite} {result.case.workload.label}", *cells)
    return _text(table, width)


def telemetry_lines(results: Iterable[Result]) -> list[str]:
    """Where telemetry came from, what measured the energy and how, power at rest, the minutes of a sustained run."""
    lines: dict[str, None] = {}
    for result in results:
        how = next((found for round in result.rounds if (found := _measured(round))), None)
        before, after = result.facts.get("idle_before_w"), result.facts.get("idle_after_w")
        sources = result.facts.get("telemetry")
        if isinstance(sources, list) and sources:
            lines[f"Telemetry from: {', '.join(map(str, sources))}"] = None
        if how is not None:
            lines[how] = None
        if isinstance(before, float) and isinstance(after, float):
            shown = " before, ".join(written(value, Unit.WATT) for value in (before, after))
            lines[f"{result.case.model} in memory and at rest: {shown} after."] = None
        minutes = result.facts.get("minutes")
        for minute in minutes if isinstance(minutes, list) else ():
            if isinstance(minute, dict):
                lines[_minute_line(result.case.model, minute)] = None
    return list(lines)


def _measured(round: Round) -> str | None:
    told = round.raw.get("telemetry")
    if not isinstance(told, dict) or "measured" not in told:
        return None
    lag = told.get("tau_s")
    undone = f" The sensor's lag is {lag:g} s." if isinstance(lag, float) and lag else ""
    return f"Energy is that of {told['measured']}: {told['method']}.{undone}"


_MINUTE = (
    ("tokens_per_s", Unit.TOKENS_PER_SECOND),
    ("temperature_celsius", Unit.CELSIUS),
    ("gpu_hz", Unit.HERTZ),
    ("cpu_hz", Unit.HERTZ),
    ("power_w", Unit.WATT),
)


def _minute_line(model: str, minute: Mapping[str, Json]) -> str:
    parts = [
        f"{'GPU ' if key == 'gpu_hz' else 'CPU ' if key == 'cpu_hz' else ''}{written(value, unit)}"
        for key, unit in _MINUTE
        if isinstance(value := minute.get(key), (int, float))
    ]
    return f"{model}, minute {minute.get('minute')}: {', '.join(parts)}"


def spread(summary: Summary | None, unit: Unit) -> str:
    """A median with its interval in one unit: "209 ms (205–214)"; below 6 rounds, which have none: "209 ms (n=3)"."""
    if summary is None:
        return ABSENT
    middle = written(summary.median, unit)
    if summary.ci_low is None or summary.ci_high is None:
        return f"{middle} (n={summary.n})"
    return f"{middle} ({interval(summary.ci_low, summary.ci_high, unit, beside=summary.median)})"


def rounds_table(result: Result, *, width: int = 100) -> str:
    """One line a round of a case, warm-ups and failures too, with flags."""
    keys = [key for key in METRICS if any(key in round.metrics for round in result.rounds)]
    keys = [key for key in keys if key in (*RESULT_KEYS, "tpot_s", "input_tokens", "output_tokens")]
    table = _table("round", *(METRICS[key].label for key in keys), "flags")
    for round in result.rounds:
        cells = [written(round.metrics.get(key), METRICS[key].unit) for key in keys]
        table.add_row(_round_name(round), *cells, _remark(round))
    return _text(table, width)


def rounds_telemetry_table(result: Result, *, width: int = 100) -> str:
    """One line a round of a case: what the board did in it, and what it cost. Empty where nothing was told."""
    keys = [key for key in TELEMETRY if any(key in round.metrics for round in result.rounds)]
    if not keys:
        return ""
    table = _table("round", *(METRICS[key].label for key in keys))
    for round in result.rounds:
        cells = [written(round.metrics.get(key), METRICS[key].unit) for key in keys]
        table.add_row(_round_name(round), *cells)
    return _text(table, width)


def flag_lines(results: Iterable[Result]) -> list[str]:
    """A sentence for each flag that occurs in the rounds, and whether it leaves them out."""
    found: dict[tuple[str, bool], int] = {}
    for result in results:
        for round in result.rounds:
            for flag in round.flags:
                kind = flag.value, flag in EXCLUDING and flag not in round.telling
                found[kind] = found.get(kind, 0) + 1
    return [
        f"{word} ({counted(count, 'round')}{', left out' if left_out else ''}): {FLAG_TEXT[Flag(word)]}."
        for (word, left_out), count in sorted(found.items())
    ]


def failure_lines(results: Iterable[Result]) -> list[str]:
    """A line for each case that failed, with the reason."""
    return [
        f"{result.case.name} {result.case.suite} {result.case.workload.label}: {result.failure.message}"
        for result in results
        if result.failure is not None
    ]


def next_steps(run: Run, database: str) -> list[str]:
    """Where the data is, and what to type next."""
    lines = [f"Every round is in {database.removeprefix('sqlite:///')}"]
    if run.status is Status.INTERRUPTED:
        lines.append(f"Go on where it stopped: orac bench --resume {run.id}")
    lines.append(f"Look closer: orac show {run.id} --rounds   All runs: orac list")
    return lines


def table_text(columns: Sequence[str], rows: Iterable[Sequence[str]], *, width: int = 100) -> str:
    """A plain table."""
    table = _table(*columns)
    for row in rows:
        table.add_row(*row)
    return _text(table, width)


def _round_name(round: Round) -> str:
    return f"warm-up {round.index}" if round.phase is Phase.WARMUP else f"{round.index}"


def _remark(round: Round) -> str:
    told = round.raw.get("telemetry")
    reasons = told.get("flags") if isinstance(told, dict) else None
    parts = [
        f"{word} ({reasons[word]})"
        if Flag(word) in EXCLUDING and isinstance(reasons, dict) and word in reasons
        else word
        for word in sorted(flag.value for flag in round.flags)
    ]
    if round.status is RoundStatus.FAILED and round.failure is not None:
        parts.insert(0, f"failed: {round.failure.message}")
    return ", ".join(parts)


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold", min_width=_NEEDED.get(column))
    return table


def _text(table: Table, width: int) -> str:
    out = StringIO()
    console = Console(file=out, width=width, color_system=None, highlight=False, markup=False, emoji=False)
    console.print(table)
    return "\n".join(visible(line.rstrip()) for line in out.getvalue().split("\n")[:-1]) + "\n"
