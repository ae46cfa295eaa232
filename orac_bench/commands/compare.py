"""`orac compare`: what became slower or faster, and how surely."""

from __future__ import annotations

import argparse
import json
import shutil
import sys

from orac_bench.judging import compare as judging
from orac_bench.judging.document import comparison_body
from orac_bench.judging.text import comparison_text
from orac_bench.settings import Settings
from orac_bench.store.store import open_store
from orac_bench.visible import visible


def compare(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints a table by case. Exit status 1 where a threshold is exceeded for certain, and only then."""
    wishes = judging.Wishes(
        metrics=arguments.metric,
        fail_on=arguments.fail_on,
        strict=arguments.strict,
        across_conditions=arguments.across_conditions,
    )
    with open_store(settings.database_url, write=False) as store:
        compared = judging.compare(store, arguments.base, arguments.candidates, wishes)
    if arguments.json:
        print(json.dumps(comparison_body(compared)))
    else:
        print(visible(comparison_text(compared, width=max(120, shutil.get_terminal_size((140, 24)).columns))))
    for line in compared.warnings:
        print(f"warning: {visible(line)}", file=sys.stderr)
    for row in compared.rows:
        if row.failed_on:
            print(f"failed: {visible(judging.told(row))}", file=sys.stderr)
    return 1 if compared.failed else 0
