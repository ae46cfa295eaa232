"""The `--orac-*` options of pytest, which are those of `orac bench`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from orac_bench.arguments import at_least, length_of_time, precision
from orac_bench.suites.grid import SUITES


def add_options(add: Callable[..., None]) -> None:
    """Adds each of them with `add`, which is pytest's."""
    suites = ", ".join(SUITES)
    add("--orac-model", action="append", default=[], metavar="NAME", help="measure this model; may be repeated")
    add("--orac-suite", action="append", default=[], metavar="NAME", help=f"one of {suites}; may be repeated")
    add("--orac-rounds", type=at_least(1), metavar="N", help="counted rounds a case (default: the suite's)")
    add("--orac-warmup", type=at_least(0), metavar="N", help="warm-up rounds a case (default: the suite's)")
    add("--orac-output-tokens", type=at_least(1), metavar="N", help="tokens to write (default: the suite's)")
    add("--orac-prompt-tokens", type=at_least(1), action="append", metavar="N", help="prompt length; may be repeated")
    add("--orac-blocks", type=at_least(1), metavar="N", help="spread a case's rounds over N blocks in random order")
    add("--orac-paired", action="store_true", help="two models beside each other in each block (default: 10 blocks)")
    add("--orac-variant", action="append", default=[], metavar="KEY=VALUE", help="one of two settings of a model")
    add("--orac-precision", type=precision, metavar="P", help="go on until the headlines are known to P, such as 2%%")
    add("--orac-time-limit", type=length_of_time, metavar="T", help="of sustained and --orac-precision (default: 10m)")
    add("--orac-prompt-file", metavar="FILE", help="take the prompt from FILE instead of a length")
    add("--orac-note", metavar="TEXT", help="a note, kept with the run")
    add("--orac-resume", metavar="RUN", help="go on with an interrupted run at its first unfinished case")
    add("--orac-claim", metavar="RUN", help=argparse.SUPPRESS)
    add("--orac-trigger", default="pytest", metavar="DOOR", help="set by ORAC itself: which door started the run")
