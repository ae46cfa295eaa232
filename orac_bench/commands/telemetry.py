"""`orac telemetry`: readings as they come, recorded lines as JSON, the energy of a window, and the sensor's lag."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from orac_bench.errors import UsageError
from orac_bench.records import Json
from orac_bench.settings import Settings
from orac_bench.tables import table_text
from orac_bench.telemetry.auto import choose
from orac_bench.telemetry.calibrate import calibrate as provoked
from orac_bench.telemetry.energy import mean_power, module_rail, window_energy
from orac_bench.telemetry.lag import LagFit, fit_tau
from orac_bench.telemetry.log import read_log, read_rails
from orac_bench.telemetry.sampler import Sampler
from orac_bench.telemetry.source import Sample
from orac_bench.telemetry.tegrastats import parse_line, to_json
from orac_bench.units import ABSENT, Unit
from orac_bench.units import format as written

LOOK_S = 0.05
UNITS = (
    ("_w", Unit.WATT),
    ("_celsius", Unit.CELSIUS),
    ("_hz", Unit.HERTZ),
    ("_b", Unit.BYTE),
    ("_j", Unit.JOULE),
    ("_ratio", Unit.RATIO),
)

Rails = dict[str, tuple[Sequence[float], Sequence[float]]]
"""Times in s and power in W by rail."""


def watch(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints a line a reading, until --count of them or an interrupt. Exit status 2 where nothing tells anything."""
    choice = choose(settings.telemetry, root=settings.sysfs_root, program=settings.tegrastats)
    for offer in choice.offers:
        _tell(f"{offer.source} {'taken' if offer.taken else 'not taken'}: {offer.why}")
    if not choice.sources:
        raise UsageError("No source of telemetry is taken here.", next="See why with: orac doctor")
    shown = 0
    told: set[str] = set()
    begun_ns = time.monotonic_ns()
    with Sampler(choice.sources, slow_s=arguments.interval) as sampler:
        while arguments.count is None or shown < arguments.count:
            for sample in sampler.take():
                print(_line(sample, begun_ns, as_json=arguments.json), flush=True)
                shown += 1
                if shown == arguments.count:
                    break
            for note in sampler.notes:
                if note not in told:
                    told.add(note)
                    _tell(note)
            time.sleep(LOOK_S)
    return 0


def parse(_settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints an object a line. Exit status 1 where no line could be read."""
    good = 0
    with _lines(arguments.file) as lines:
        for number, line in enumerate(lines, 1):
            reading = parse_line(line)
            good += reading.bad is None
            print(json.dumps(to_json(reading, number)))
    return 0 if good else 1


def energy(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints the energy of a window of a recorded log, as one JSON document."""
    rails = _rails(arguments.file, arguments.interval)
    name = arguments.rail or module_rail(tuple(rails))
    if name not in rails:
        raise UsageError(
            f"{arguments.file} has no rail {name}." if name else f"{arguments.file} has no rail of the whole module.",
            next=f"Choose with --rail: {', '.join(rails) or 'there is none'}.",
        )
    times, powers = rails[name]
    idle_w = None
    if (arguments.idle_start is None) != (arguments.idle_end is None):
        raise UsageError("An idle window has two ends.", next="Give both --idle-from and --idle-to.")
    if arguments.idle_start is not None:
        idle_w = mean_power(times, powers, arguments.idle_start, arguments.idle_end)
        if idle_w is None:
            raise UsageError(
                f"No reading of {name} lies between {arguments.idle_start:g} and {arguments.idle_end:g} s.",
                next=f"The readings reach from {min(times):g} to {max(times):g} s.",
            )
    tau_s = settings.sensor_lag_s if arguments.tau is None else arguments.tau
    found = window_energy(times, powers, arguments.start, arguments.end, tau_s=tau_s, idle_w=idle_w)
    print(json.dumps({**asdict(found), "rail": name}))
    return 0


def calibrate(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints the fitted lag and each edge that it was fitted from. Exit status 1 where no edge was clean."""
    wanted = arguments.source or settings.telemetry
    if wanted.startswith("replay:"):
        rails = _rails(wanted.removeprefix("replay:"), None)
        name = module_rail(tuple(rails))
        if name is None:
            raise UsageError(f"{wanted} has no rail of the whole module.", next="Record one that has VDD_IN.")
        fit = fit_tau(*rails[name])
    else:
        choice = choose(wanted, root=settings.sysfs_root, program=settings.tegrastats)
        _tell("all cores are kept busy three times for 4 s, with 4 s between; leave the board alone")
        with Sampler(choice.sources) as sampler:
            fit = provoked(sampler, sleep=time.sleep, clock=time.monotonic_ns)
    _print_fit(fit, as_json=arguments.json)
    return 0 if fit.tau_s is not None else 1


def _print_fit(fit: LagFit, *, as_json: bool) -> None:
    if as_json:
        edges = [{**asdict(edge), "height_w": edge.height_w, "clean": edge.clean} for edge in fit.edges]
        print(json.dumps({"tau_s": fit.tau_s, "edges": edges}))
        return
    rows = [
        (
            f"{edge.at_s:.2f}",
            f"{edge.until_s - edge.at_s:.2f}",
            f"{edge.height_w:+.2f} W",
            f"{edge.tau_s:.3f} s",
            f"{edge.misfit_ratio:.2%}",
            "yes" if edge.clean else "no",
        )
        for edge in fit.edges
    ]
    print(table_text(("edge at s", "followed s", "height", "lag", "misfit", "clean"), rows), end="")
    if fit.tau_s is None:
        print("No edge is clean enough to tell the lag: a load that goes off at once is needed, and quiet behind it.")
    else:
        print(f"The sensor's lag is {fit.tau_s:.3f} s. Set it with ORAC_SENSOR_LAG_S={fit.tau_s:.3f}")


def _rails(file: str, interval_s: float | None) -> Rails:
    with _lines(file) as opened:
        lines = list(opened)
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("{") and '"rails_w"' in first:
        return {name: (times, powers) for name, (times, powers) in read_rails(lines).items()}
    log = read_log(lines, interval_s=interval_s)
    if log.bad:
        _tell(f"{log.bad} of {log.bad + len(log.readings)} lines could not be read")
    return {name: log.rail(name) for name in log.rails}


@contextmanager
def _lines(file: str) -> Iterator[Iterator[str]]:
    """The lines of `file` (`-`: standard input) without their ends; bytes that are no text become marks."""
    if file == "-":
        yield (line.decode("utf-8", "replace").rstrip("\r\n") for line in sys.stdin.buffer)
        return
    try:
        opened = Path(file).expanduser().open("rb")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", next="Name a recorded log.") from None
    with opened:
        yield (line.decode("utf-8", "replace").rstrip("\r\n") for line in opened)


def _line(sample: Sample, begun_ns: int, *, as_json: bool) -> str:
    t_s = round((sample.at_ns - begun_ns) / 1e9, 3)
    if as_json:
        document: dict[str, Json] = {"t_s": t_s, "source": sample.source, "values": dict(sample.values)}
        return json.dumps(document if sample.raw is None else {**document, "raw": sample.raw})
    parts = [f"{name.partition('.')[2] or name} {_shown(name, value)}" for name, value in sample.values.items()]
    return f"{t_s:8.1f} s  {sample.source}: {', '.join(parts) or ABSENT}"


def _shown(name: str, value: float) -> str:
    quantity = name.partition(".")[0]
    unit = next((unit for end, unit in UNITS if quantity.endswith(end)), None)
    return f"{value:g}" if unit is None else written(value, unit)


def _tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr)
