"""A line of tegrastats as named values. Pure."""

from __future__ import annotations

from orac_bench.telemetry.reading import Reading
from orac_bench.telemetry.source import named


def values_of(reading: Reading) -> dict[str, float]:
    """The values of a reading by name, as `source.py` lists them. Empty for a bad line.

    A load of EMC without a clock is left out: without root tegrastats prints 0 % whatever the memory does. Of a
    rail that comes twice the first one counts.
    """
    values: dict[str, float | None] = {
        "ram_used_b": reading.ram_used_b,
        "swap_used_b": reading.swap_used_b,
        "lfb_b": reading.ram_lfb_block_b if reading.ram_lfb_blocks else None,
    }
    cores = [core for core in reading.cpus if core is not None]
    if cores:
        values["cpu_load_ratio"] = sum(core.load_ratio for core in cores) / len(cores)
        values["cpu_hz"] = max((core.hz for core in cores if core.hz is not None), default=None)
    for name, engine in (("gpu", reading.engines.get("GR3D")), ("emc", reading.engines.get("EMC"))):
        if engine is not None:
            values[f"{name}_hz"] = max(engine.hz, default=None)
            values[f"{name}_load_ratio"] = engine.load_ratio if name == "gpu" or engine.hz else None
    for zone in reading.temperatures:
        values[named("temperature_celsius", zone.name)] = zone.celsius
    for rail in reversed(reading.rails):
        values[named("power_w", rail.name)] = rail.now_w
    return {name: value for name, value in values.items() if value is not None}
