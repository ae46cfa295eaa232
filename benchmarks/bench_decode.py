"""How fast does it write? Decode rate over 128 tokens, model loaded."""

from orac_bench.plugin import GridPoint, Orac
from orac_bench.suites.grid import SUITES

SUITE = SUITES["decode"]


def bench_decode(orac: Orac, grid_point: GridPoint) -> None:
    orac.measure(grid_point)
