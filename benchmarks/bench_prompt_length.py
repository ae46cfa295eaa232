"""What does a longer prompt cost? Prefill rate and TTFT at 64, 256 and 1024 tokens."""

from orac_bench.plugin import GridPoint, Orac
from orac_bench.suites.grid import SUITES

SUITE = SUITES["prompt_length"]


def bench_prompt_length(orac: Orac, grid_point: GridPoint) -> None:
    orac.measure(grid_point)
