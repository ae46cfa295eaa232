"""What a run came to, for people: its results, the verdict of a paired one, and where to look next."""

from __future__ import annotations

from orac_bench.errors import UsageError
from orac_bench.judging.compare import Wishes, compare
from orac_bench.judging.text import comparison_text
from orac_bench.precision import sentence
from orac_bench.records import Result, Run
from orac_bench.store.store import Store
from orac_bench.tables import failure_lines, next_steps, results_table


def outcome(store: Store, run: Run, *, database: str, width: int) -> list[str]:
    """Lines for the end of a measurement; `database` is the store's URL."""
    results = store.results(run.id, rounds=False)
    told = verdict(store, run, results, width=width)
    return [
        results_table(results, width=width),
        *precision_lines(results),
        *failure_lines(results),
        *([told, ""] if told else []),
        *next_steps(run, database),
    ]


def verdict(store: Store, run: Run, results: tuple[Result, ...], *, width: int) -> str | None:
    """The comparison of the run's pairs as a table. None where it has none, or has not both sides of one."""
    if not any("pair" in result.facts for result in results):
        return None
    try:
        return comparison_text(compare(store, run.id, [], Wishes()), width=width)
    except UsageError:
        return None  # one side was not measured; the results say so


def precision_lines(results: tuple[Result, ...]) -> list[str]:
    """A line for each case that was measured until it was known well enough, or could not be."""
    told = ((result.case, sentence(result)) for result in results)
    return [f"{case.name} {case.suite} {case.workload.label}: {text}." for case, text in told if text is not None]


def block_lines(run_id: str, results: tuple[Result, ...]) -> list[str]:
    """How the cases were interleaved; none where they were measured one after the other."""
    blocks = sorted({count for result in results if isinstance(count := result.facts.get("blocks"), int)})
    if not blocks:
        return []
    told = f"Measured in {' and '.join(map(str, blocks))} blocks in random order"
    if any("pair" in result.facts for result in results):
        return [f"{told}, in pairs. The verdict: orac compare {run_id}"]
    return [f"{told}."]
