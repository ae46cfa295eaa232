"""`orac doctor`: every prerequisite, each with a verdict and a next step."""

from __future__ import annotations

import argparse
import json
import os

from orac_bench.doctor import State, examine
from orac_bench.settings import Settings
from orac_bench.visible import visible

SIGNS = {State.OK: "ok     ", State.WARNING: "warning", State.MISSING: "MISSING"}


def doctor(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints the checks. Exit status 2 where something is missing."""
    checks = examine(settings, os.environ)
    if arguments.json:
        rows = [{"name": c.name, "state": c.state.value, "detail": c.detail, "next": c.next} for c in checks]
        print(json.dumps({"checks": rows}))
    else:
        for check in checks:
            print(f"{SIGNS[check.state]}  {check.name:<9} {visible(check.detail)}")
            if check.next is not None:
                print(f"{'':<19} next: {visible(check.next)}")
    return 2 if any(check.state is State.MISSING for check in checks) else 0
