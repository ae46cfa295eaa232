"""How much of its speed is left when it is hot? Requests for ten minutes; only when named."""

from orac_bench.plugin import GridPoint, Orac
from orac_bench.suites.grid import SUITES

SUITE = SUITES["sustained"]


def bench_sustained(orac: Orac, grid_point: GridPoint) -> None:
    orac.measure(grid_point)
