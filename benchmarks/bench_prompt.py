"""How long does an answer to this prompt take? In the model's own template; needs a prompt file."""

from orac_bench.plugin import GridPoint, Orac
from orac_bench.suites.grid import SUITES

SUITE = SUITES["prompt"]


def bench_prompt(orac: Orac, grid_point: GridPoint) -> None:
    orac.measure(grid_point)
