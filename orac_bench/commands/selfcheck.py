"""`orac selfcheck`: ORAC against a server whose truth is known, and against a bare client."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from orac_bench.metrics import METRICS
from orac_bench.records import Json
from orac_bench.selfcheck.overhead import Overhead, check_overhead
from orac_bench.selfcheck.truth import ALLOWED, Finding, check_truth
from orac_bench.settings import Settings
from orac_bench.tables import table_text
from orac_bench.units import format as written


def selfcheck(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints the error of each metric and the cost of measuring. Exit status 1 where one is too large, or missing."""
    with tempfile.TemporaryDirectory(prefix="orac-selfcheck-") as name:
        folder = Path(name)
        _tell("a server of known timing: 12 rounds of 1.5 s")
        findings = check_truth(settings, folder, tell=_tell)
        _tell(f"a bare client beside ORAC on a real model: {arguments.rounds} pairs of rounds")
        overhead = check_overhead(settings, folder, model=arguments.model, pairs=arguments.rounds, tell=_tell)
    if arguments.json:
        print(json.dumps({"checks": [_row(finding) for finding in findings], "overhead": asdict(overhead)}))
    else:
        _print(findings, overhead)
    return 0 if all(finding.ok for finding in findings) else 1


def _row(finding: Finding) -> dict[str, Json]:
    return {
        "metric": finding.metric,
        "truth": finding.truth,
        "measured": finding.measured,
        "error": finding.error,
        "allowed": ALLOWED[finding.metric],
        "ok": finding.ok,
    }


def _print(findings: list[Finding], overhead: Overhead) -> None:
    rows = []
    for finding in findings:
        metric = METRICS[finding.metric]
        values = (finding.truth, finding.measured, finding.error, ALLOWED[finding.metric])
        shown = [written(value, metric.unit) for value in values]
        verdict = "ok" if finding.ok else "MISSING" if finding.error is None else "TOO LARGE"
        rows.append([finding.metric, *shown, verdict])
    print(table_text(("metric", "truth", "measured", "error", "allowed", ""), rows))
    interval = "" if overhead.ci_low is None else f" (95 %: {overhead.ci_low:.3f} to {overhead.ci_high:.3f})"
    print(f"Decode rate seen by ORAC over a bare client's, {overhead.pairs} pairs on {overhead.model}:")
    print(f"  {overhead.ratio:.3f}{interval}; ORAC's processor time in a round: {overhead.client_cpu_s:.3f} s")


def _tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr)
