"""Comparisons and histories as text for people. Computes nothing; tables are those of tables.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from orac_bench.judging.case_history import CaseHistory
from orac_bench.judging.chart import chart
from orac_bench.judging.compare import Compared
from orac_bench.judging.judge import Judged, conditions_text
from orac_bench.store.history import Point
from orac_bench.tables import spread, table_text
from orac_bench.units import ABSENT, Unit, counted, interval, percent
from orac_bench.units import format as written
from orac_bench.verdicts import Note, Verdict


def comparison_text(compared: Compared, *, width: int = 120) -> str:
    """What differs around the two, a block a model and a line a case, and what is to be known beside it."""
    rows = [row for row in compared.rows if row.failed_on or not _alone(row)]
    common = [text for text in (rows[0].notes if rows else ()) if all(text in row.notes for row in rows)]
    numbers = _numbers(rows, common)
    lines = []
    if compared.conditions_differ:
        lines += [f"Conditions differ: {conditions_text(compared.conditions_differ)}.", ""]
    for name in compared.candidates:
        lines.append(f"{compared.base} and {name}" if name != compared.base else f"{name}, interleaved")
        ours = [row for row in rows if row.side == name]
        for model, cases in groupby(ours, key=_model):
            lines += ["", model, _table(list(cases), numbers, width=width).rstrip("\n")]
        lines.append("")
    lines += [f"[{number}] {_sentence(text)}" for text, number in numbers.items()]
    lines += [_sentence(text) for text in common]
    lines += _alone_lines(compared)
    return "\n".join([*lines, "Change: candidate over base, with its 95 % interval."])


def history_text(told: CaseHistory, *, width: int = 80, plain: bool = False, limit: int | None = None) -> str:
    """A chart, a line a run (the newest `limit` of them, and those before at which the level changed)."""
    case, changes = told.case, {one.at_run: one for one in told.changes}
    lines = [f"{case.name} {case.suite} {case.workload.label}, {told.metric.label} (case {case.key})", ""]
    if not told.points:
        none = f"None of its runs has {told.metric.key}."
        return "\n".join([*lines, f"{none} `orac show RUN` tells what a run has, `--metric` names another.\n"])
    drawn = chart(told.points, changes.keys(), told.metric.unit, width=width, plain=plain)
    lines += [*drawn, ""] if drawn else []
    rows = []
    newest = 0 if limit is None else len(told.points) - limit
    for place, point in enumerate(told.points):
        if place < newest and point.run not in changes:
            continue
        change = changes.get(point.run)
        mark = "" if change is None else _change(change.ratio, change.cause, known=change.acknowledged)
        said = [one.text for one in told.annotations if one.run == point.run]
        rows.append(
            (
                f"{point.at:%Y-%m-%d %H:%M}",
                point.run,
                written(point.median, told.metric.unit),
                _interval(point, told.metric.unit),
                str(point.n),
                "; ".join([*([mark] if mark else []), *(" ".join(text.split()) for text in said)]),
            )
        )
    lines.append(
        table_text(("started (UTC)", "run", "median", "95 % interval", "n", "change"), rows, width=max(width, 100))
    )
    hidden = len(told.points) - len(rows)
    if told.gaps:
        runs = ", ".join(f"{gap.run} ({gap.status.value})" for gap in told.gaps[-6:])
        lines.append(f"{counted(len(told.gaps), 'run')} without a value: {runs}. `orac show RUN --rounds` says why.")
    if hidden > 0:
        lines.append(f"{hidden} older runs are in the chart only; --limit shows more.")
    return "\n".join(lines).rstrip("\n") + "\n"


def _change(ratio: float | None, cause: str, *, known: bool) -> str:
    what = cause if ratio is None else f"{percent(ratio)} from here on"
    return f"{what} (known)" if known else what


def _interval(point: Point, unit: Unit) -> str:
    if point.ci_low is None or point.ci_high is None:
        return ABSENT
    return interval(point.ci_low, point.ci_high, unit, beside=point.median)


def _table(rows: Sequence[Judged], numbers: Mapping[str, int], *, width: int) -> str:
    cells = [
        (
            row.case.suite,
            row.case.workload.label,
            row.metric.label,
            spread(row.base, row.metric.unit),
            spread(row.candidate, row.metric.unit),
            _change_of(row),
            _verdict(row),
            _needed(row),
            " ".join(f"[{numbers[text]}]" for text in row.notes if text in numbers),
        )
        for row in rows
    ]
    columns = ("suite", "tokens", "metric", "base", "candidate", "change", "verdict", "to decide", "notes")
    used = [n for n in range(len(columns)) if any(row[n] for row in cells)]
    return table_text([columns[n] for n in used], [[row[n] for n in used] for row in cells], width=width)


def _model(row: Judged) -> str:
    """What a block of lines is headed with: the case; both, or the options that differ, where they were named."""
    one, other = row.case, row.other
    if one.model != other.model or row.comparison.ratio is None:
        return row.name
    keys = sorted({*one.options, *other.options})
    pairs = {key: (one.options.get(key), other.options.get(key)) for key in keys}
    differ = conditions_text({key: both for key, both in pairs.items() if both[0] != both[1]})
    return f"{one.name if one.variant == other.variant else one.model}: {differ}" if differ else row.name


def _change_of(row: Judged) -> str:
    one = row.comparison
    if one.ratio is None:
        return ABSENT
    if one.ci_low is None or one.ci_high is None:
        return f"{percent(one.ratio)} (no interval)"
    low, high = (percent(bound).removesuffix(" %") for bound in (one.ci_low, one.ci_high))
    return f"{percent(one.ratio)} ({low} to {high})"


def _verdict(row: Judged) -> str:
    return row.verdict.value + (", FAILED" if row.failed_on else "")


def _needed(row: Judged) -> str:
    if row.verdict is not Verdict.INCONCLUSIVE or row.comparison.needed is None:
        return ""
    return counted(row.comparison.needed, "more block" if row.in_blocks else "more round")


def _alone(row: Judged) -> bool:
    """Whether only one side has the case."""
    return Note.CASE_MISSING in row.comparison.notes


def _numbers(rows: Sequence[Judged], common: Sequence[str]) -> dict[str, int]:
    """A number for each note that not every row has, in the order of the table."""
    texts = dict.fromkeys(text for row in rows for text in row.notes if text not in common)
    return {text: number for number, text in enumerate(texts, start=1)}


def _alone_lines(compared: Compared) -> list[str]:
    """A line for the cases that only one side has."""
    lacking: dict[str, dict[str, None]] = {}
    for row in compared.rows:
        if _alone(row) and not row.failed_on:
            name = f"{row.case.name} {row.case.suite} {row.case.workload.label}"
            lacking.setdefault(row.details[Note.CASE_MISSING], {})[name] = None
    return [
        _sentence(
            f"only one side has {', '.join(cases)}: {why}; measure {'it' if len(cases) == 1 else 'them'} there too"
        )
        for why, cases in lacking.items()
    ]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
