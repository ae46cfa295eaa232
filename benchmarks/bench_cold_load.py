"""How long does an unloaded model take to come? Verified unload before each round."""

from orac_bench.plugin import GridPoint, Orac
from orac_bench.suites.grid import SUITES

SUITE = SUITES["cold_load"]


def bench_cold_load(orac: Orac, grid_point: GridPoint) -> None:
    orac.measure(grid_point)
