"""A look at the board while nobody measures, where it is a recording."""

from __future__ import annotations

from pathlib import Path

from orac_bench.api.glance import FRESH_S, Glance
from orac_bench.settings import read_settings

LINES = (
    "11-22-2026 12:00:00 RAM 2000/7620MB (lfb 1x1MB) CPU [1%@729,2%@729] tj@50C VDD_IN 5000mW/5000mW",
    "11-22-2026 12:01:00 RAM 3000/7620MB (lfb 1x1MB) CPU [1%@729,2%@729] tj@60C VDD_IN 9000mW/7000mW",
)
"""A minute apart: a second look finds nothing new in it."""


def test_between_two_readings_of_a_recording_the_last_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("\n".join(LINES) + "\n")
    now = [100.0]
    glance = Glance(read_settings({"ORAC_TELEMETRY": f"replay:{tmp_path}/log.txt"}), clock=lambda: now[0])
    first = glance.take()
    now[0] += FRESH_S + 7.0
    again = glance.take()
    glance.close()

    assert first is not None
    assert (first.sources, first.replayed, first.values["temperature_celsius.tj"]) == (("replay",), True, 50.0)
    assert again == first


def test_where_nothing_tells_anything_there_is_no_reading() -> None:
    glance = Glance(read_settings({"ORAC_TELEMETRY": "off"}))
    assert glance.take() is None
    glance.close()
