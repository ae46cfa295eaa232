"""How long until the first token? TTFT of a short prompt, model loaded."""

from orac_bench.plugin import GridPoint, Orac
from orac_bench.suites.grid import SUITES

SUITE = SUITES["first_token"]


def bench_first_token(orac: Orac, grid_point: GridPoint) -> None:
    orac.measure(grid_point)
