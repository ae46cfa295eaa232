"""What can be wrong inside a database that opens: pages, references, and rows that contradict each other."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

_CONTRADICTIONS = (
    (
        "SELECT run.uid, bench_case.key FROM result JOIN run ON run.id = result.run_id "
        "JOIN bench_case ON bench_case.id = result.case_id "
        "WHERE result.status = 'running' AND run.status <> 'running'",
        "Run {} has ended, but its case {} is still said to be running.",
    ),
    (
        "SELECT run.uid, bench_case.key FROM result JOIN run ON run.id = result.run_id "
        "JOIN bench_case ON bench_case.id = result.case_id "
        "WHERE bench_case.suite <> 'sustained' "  # its `done` is the time that it reached
        'AND result.done <> (SELECT count(*) FROM "round" WHERE "round".result_id = result.id AND counted)',
        "Run {} has another number of counted rounds in case {} than it says.",
    ),
    (
        "SELECT run.uid, bench_case.key FROM result JOIN run ON run.id = result.run_id "
        "JOIN bench_case ON bench_case.id = result.case_id "
        "WHERE result.status <> 'running' "
        'AND EXISTS (SELECT 1 FROM "round" WHERE "round".result_id = result.id AND counted) '
        "AND NOT EXISTS (SELECT 1 FROM result_metric WHERE result_metric.result_id = result.id)",
        "Run {} has no summary of its case {}.",
    ),
    (
        "SELECT DISTINCT run.uid, bench_case.key FROM result_metric "
        "JOIN result ON result.id = result_metric.result_id JOIN run ON run.id = result.run_id "
        "JOIN bench_case ON bench_case.id = result.case_id WHERE result_metric.case_id <> result.case_id",
        "Run {} has summaries of its case {} under another case; `orac db rollup --rebuild` puts them right.",
    ),
    ("SELECT uid, status FROM run WHERE status = 'running' AND pid IS NULL", "Run {} is {}, but by no process."),
)
"""A query each, portable, and the sentence for each of its rows."""


def problems(session: Session) -> tuple[str, ...]:
    """What is wrong, a sentence each; () where nothing is. Reads the whole database."""
    found: list[str] = []
    if session.get_bind().dialect.name == "sqlite":
        pages = session.execute(sa.text("PRAGMA integrity_check")).scalars().all()
        if list(pages) != ["ok"]:
            return tuple(f"The file is damaged: {line}." for line in pages)
        for table, row, parent, _ in session.execute(sa.text("PRAGMA foreign_key_check")):
            found.append(f"Row {row} of {table} belongs to a row of {parent} that is not there.")
    for query, sentence in _CONTRADICTIONS:
        found.extend(sentence.format(*row) for row in session.execute(sa.text(query)))
    return tuple(found)
