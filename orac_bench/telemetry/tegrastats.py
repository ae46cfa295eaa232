"""One line of tegrastats to a `Reading`, for every board from TK1 to Thor. Pure.

A line is read field by field, each by its own shape and never by its position: order, spacing and case differ
between releases, and rails share names with engines and temperatures.

    line   := [prefix] RAM [SWAP] [IRAM] CPU { field }
    prefix := what a logger or tegrastats itself (JetPack 5 and later) puts before it, a time for the most part

Source: facts gathered from recorded lines of L4T R21 to R39 (`tests/data/tegrastats`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from orac_bench.records import Json
from orac_bench.telemetry import grammar
from orac_bench.telemetry.reading import Core, Engine, Mts, Rail, Reading, Temperature

MHZ = 1_000_000
POWERED_OFF_CELSIUS = -256.0
"""What a zone shows while its sensor has no power (JetPack 5)."""

_BYTES = {"kb": 2**10, "mb": 2**20, "gb": 2**30}


def parse_line(text: str) -> Reading:
    """What one line of tegrastats says, in base units. Never raises: a line that cannot be read has `bad` set.

    Words before the first field are a logger's; of them only the time is kept, as printed. Words that are not
    understood are in `unknown`. A line that ends within a field is bad; one cut between two fields cannot be told
    from a shorter line, and is read.
    """
    raw = text.rstrip("\r\n")
    line = grammar.COLOUR.sub("", raw)
    if not line.strip():
        return Reading(raw=raw, bad="the line is empty")
    if grammar.ENDLESS.search(line):
        return Reading(raw=raw, bad="it holds a number that no board has")
    first = grammar.FIRST.search(line)
    if first is None:
        reason = "no field of tegrastats is in it"
        return Reading(raw=raw, bad="it holds bytes that are no text" if grammar.BINARY.search(line) else reason)
    prefix, body = line[: first.start()], _unquoted(line[: first.start()], line[first.start() :])
    body = _early_fields(prefix) + body
    if grammar.BINARY.search(body):
        return Reading(raw=raw, bad="it holds bytes that are no text")
    if len(grammar.SECOND_LINE.findall(body)) > 1:
        return Reading(raw=raw, bad="two lines run into each other")
    fields = _Fields()
    bad = fields.read(body)
    return Reading(raw=raw, bad=bad) if bad else fields.reading(raw, _printed_time(prefix))


def to_json(reading: Reading, line_number: int) -> dict[str, Json]:
    """The object that `orac telemetry parse` prints for a line: the fields of `Reading`."""
    if reading.bad is not None:
        return {"line": line_number, "raw": reading.raw, "bad": reading.bad}
    values: dict[str, Json] = json.loads(json.dumps(asdict(reading)))
    del values["bad"]
    return {"line": line_number, **values}


def _unquoted(prefix: str, body: str) -> str:
    """`body` up to the quote that ends it, where a logger wrote the line as a string of JSON."""
    for quote in ('"', "'"):
        if prefix.count(quote) % 2 == 1:
            body = body.partition(quote)[0].rstrip("\\")
            return re.sub(r"(?:\\[nrt])+\s*$", "", body)
    return body


def _early_fields(prefix: str) -> str:
    """The part of `prefix` behind its time, where all of it is fields of tegrastats; "" where a logger wrote it."""
    times = [*grammar.OWN_TIME.finditer(prefix), *grammar.LOGGER_TIME.finditer(prefix)]
    rest = prefix[max((time.end() for time in times), default=0) :]
    if not rest.strip():
        return ""
    fields = _Fields()
    fields.read(rest)
    return "" if fields.unknown else rest


def _printed_time(prefix: str) -> str | None:
    """The time in `prefix`: tegrastats' own, else the last one that a logger wrote. None where there is none."""
    times = grammar.OWN_TIME.findall(prefix) or grammar.LOGGER_TIME.findall(prefix)
    return times[-1] if times else None


@dataclass
class _Fields:
    """The fields of one line, gathered while it is read from left to right."""

    memory: dict[str, int] = field(default_factory=dict)
    cpus: tuple[Core | None, ...] | None = None
    engines: dict[str, Engine] = field(default_factory=dict)
    mts: Mts | None = None
    temperatures: list[Temperature] = field(default_factory=list)
    rails: list[Rail] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def read(self, body: str) -> str | None:
        """Takes every field of `body`. The reason why the line is bad, None where it is not."""
        position, unread_from = _skip(body, 0), None
        while position < len(body):
            end = self._field(body, position)
            if end is None:
                unread_from = position if unread_from is None else unread_from
                end = position + len(body[position:].split(None, 1)[0])
                self.unknown.append(body[position:end])
            else:
                unread_from = None
            position = _skip(body, end)
        if unread_from is not None and grammar.is_cut(rest := body[unread_from:].rstrip()):
            return f"it ends in the middle of {rest!r}"
        if "ram_total_b" not in self.memory:
            return "the memory is missing: no 'RAM used/totalMB'"
        if self.cpus is None:
            return "the cores are missing: no 'CPU [...]' that can be read"
        return None

    def _field(self, body: str, position: int) -> int | None:
        """Takes the field at `position`. Where it ends, None where nothing known begins there."""
        for pattern, take in _SHAPES:
            match = pattern.match(body, position)
            if match and take(self, match):
                return match.end()
        return None

    def take_ram(self, match: re.Match[str]) -> bool:
        if "ram_total_b" in self.memory:
            return False
        self._sizes("ram", match)
        if match[4]:
            self.memory |= {"ram_lfb_blocks": int(match[4]), "ram_lfb_block_b": _size(match[5], match[6])}
        return True

    def take_swap(self, match: re.Match[str]) -> bool:
        self._sizes("swap", match)
        if match[4]:
            self.memory["swap_cached_b"] = _size(match[4], match[5])
        return True

    def take_iram(self, match: re.Match[str]) -> bool:
        self._sizes("iram", match)
        return True

    def _sizes(self, name: str, match: re.Match[str]) -> None:
        self.memory |= {
            f"{name}_used_b": _size(match[1], match[3]),
            f"{name}_total_b": _size(match[2], match[3]),
        }

    def take_cpu(self, match: re.Match[str]) -> bool:
        cores = [grammar.CORE.fullmatch(core.strip()) for core in match[1].split(",")]
        if self.cpus is not None or not all(cores):
            return False
        self.cpus = tuple(_core(core, match[2]) for core in cores if core)
        return True

    def take_mts(self, match: re.Match[str]) -> bool:
        self.mts = Mts(foreground_ratio=float(match[1]) / 100, background_ratio=float(match[2]) / 100)
        return True

    def take_edp(self, match: re.Match[str]) -> bool:
        """The current limit of TK1 and TX1 is understood and has no place in a reading; the raw line keeps it."""
        return bool(match)

    def take_temperature(self, match: re.Match[str]) -> bool:
        self.temperatures.append(
            Temperature(name=match[1], celsius=_celsius(match[2]), peak_celsius=_celsius(match[3]))
        )
        return True

    def take_rail(self, match: re.Match[str]) -> bool:
        name, now, unit, mean, mean_unit, peak, peak_unit = match.groups()
        if (unit is None) != (mean_unit is None) or (peak is not None and (unit is None) != (peak_unit is None)):
            return False
        self.rails.append(
            Rail(name=name, now_w=_watts(now), mean_w=_watts(mean), peak_w=_watts(peak) if peak else None)
        )
        return True

    def take_engine(self, match: re.Match[str]) -> bool:
        name, suffix, off, load, clock, bare = match.groups()
        name = name.upper()
        if off is None and load is None and clock is None and bare is None:
            return False
        if load is not None and clock is None and name not in grammar.LOAD_ALONE and suffix is None:
            return False
        if bare is not None and (name in grammar.LOAD_ALONE or not (suffix or grammar.CLOCK_ALONE.fullmatch(name))):
            return False
        if name in self.engines:
            self.unknown.extend(match[0].split())
            return True
        clocks = re.findall(r"\d+", clock or bare or "")
        self.engines[name] = Engine(
            load_ratio=None if load is None else float(load) / 100,
            hz=tuple(int(mhz) * MHZ for mhz in clocks),
            off=off is not None,
        )
        return True

    def reading(self, raw: str, at: str | None) -> Reading:
        """The line as a record."""
        return Reading(
            raw=raw,
            at=at,
            cpus=self.cpus or (),
            engines=self.engines,
            mts=self.mts,
            temperatures=tuple(self.temperatures),
            rails=tuple(self.rails),
            unknown=tuple(self.unknown),
            ram_used_b=self.memory.get("ram_used_b"),
            ram_total_b=self.memory.get("ram_total_b"),
            ram_lfb_blocks=self.memory.get("ram_lfb_blocks"),
            ram_lfb_block_b=self.memory.get("ram_lfb_block_b"),
            swap_used_b=self.memory.get("swap_used_b"),
            swap_total_b=self.memory.get("swap_total_b"),
            swap_cached_b=self.memory.get("swap_cached_b"),
            iram_used_b=self.memory.get("iram_used_b"),
            iram_total_b=self.memory.get("iram_total_b"),
        )


_SHAPES: tuple[tuple[re.Pattern[str], Callable[[_Fields, re.Match[str]], bool]], ...] = (
    (grammar.RAM, _Fields.take_ram),
    (grammar.SWAP, _Fields.take_swap),
    (grammar.IRAM, _Fields.take_iram),
    (grammar.CPU, _Fields.take_cpu),
    (grammar.MTS, _Fields.take_mts),
    (grammar.EDP, _Fields.take_edp),
    (grammar.TEMPERATURE, _Fields.take_temperature),
    (grammar.RAIL, _Fields.take_rail),
    (grammar.ENGINE, _Fields.take_engine),
)
"""Tried in this order at each place of the line."""


def _skip(body: str, position: int) -> int:
    while position < len(body) and body[position].isspace():
        position += 1
    return position


def _size(number: str, unit: str) -> int:
    return int(number) * _BYTES[unit.lower()]


def _core(match: re.Match[str], shared_mhz: str | None) -> Core | None:
    if match[3]:
        return None
    mhz = match[2] or shared_mhz
    return Core(load_ratio=float(match[1]) / 100, hz=None if mhz is None else int(mhz) * MHZ)


def _celsius(text: str | None) -> float | None:
    return None if text is None or float(text) == POWERED_OFF_CELSIUS else float(text)


def _watts(milliwatts: str) -> float:
    return int(milliwatts) / 1000
