"""`orac compare`, `history`, `baseline`, `annotate` and `db rollup`: documents, exit statuses, what bad input gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orac_bench.cli import main
from orac_bench.store.store import open_store
from tests.builders import a_case, a_conditions, later
from tests.histories import DECODE, FIRST, Took, measured, nightly, scaled

LEVELS = [
    *[50.0 + off for off in (0.0, 0.2, -0.1, 0.1, -0.2)] * 2,
    *[45.0 + off for off in (0.0, 0.2, -0.1, 0.1, -0.2)] * 2,
]


class Said:
    """What a command said."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err
        assert "Traceback" not in out + err

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/orac.db"


@pytest.fixture
def orac(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: str, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """`orac WORDS` in this process, with a store of its own."""
    monkeypatch.setenv("ORAC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORAC_DATABASE_URL", database)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Said:
        try:
            status = main([*words])
        except SystemExit as ended:  # argparse's own way
            status = int(ended.code or 0)
        out, err = capfd.readouterr()
        return Said(status, out, err)

    return run


@pytest.fixture
def slower(database: str) -> None:
    """Run `cand` is 10 % slower than run `base`."""
    with open_store(database, write=True) as store:
        measured(store, "base", [(DECODE, Took())])
        measured(store, "cand", [(DECODE, Took(values=scaled(0.9)))], started=later(1))


@pytest.mark.usefixtures("slower")
def test_a_comparison_is_a_table_and_exits_with_0_however_bad_it_is(orac: Callable[..., Said]) -> None:
    said = orac("compare", "latest~1", "latest")
    assert (said.status, said.err) == (0, "")
    heading, _, model, columns, _, line, *_ = said.out.splitlines()
    assert (heading, model) == ("base and cand", "tiny")
    assert columns.split() == ["suite", "tokens", "metric", "base", "candidate", "change", "verdict"]
    assert "50.0 tok/s (49.4–50.6)  45.0 tok/s (44.5–45.5)  -10.0 % (" in line
    assert line.endswith(") slower") or line.split()[-1] == "slower"


@pytest.mark.usefixtures("slower")
def test_the_document_is_that_of_the_service(orac: Callable[..., Said]) -> None:
    said = orac("compare", "base", "cand", "--json")
    assert list(said.document) == ["base", "candidate", "conditions_differ", "cases"]
    assert [(row["verdict"], row["failed_on"]) for row in said.document["cases"]] == [("slower", False)]


@pytest.mark.usefixtures("slower")
def test_only_a_threshold_that_is_exceeded_for_certain_exits_with_1(orac: Callable[..., Said]) -> None:
    said = orac("compare", "base", "cand", "--fail-on", "decode_tokens_per_s:5%")
    assert said.status == 1
    assert said.err.startswith("failed: tiny decode 64 → 16: Decode -10.0 % (")
    assert orac("compare", "base", "cand", "--fail-on", "decode_tokens_per_s:20%").status == 0
    assert orac("compare", "cand", "base", "--fail-on", "decode_tokens_per_s:5%", "--strict").status == 0


def test_what_cannot_be_told_warns_and_with_strict_exits_with_1(orac: Callable[..., Said], database: str) -> None:
    with open_store(database, write=True) as store:
        measured(store, "base", [(DECODE, Took())])
        measured(store, "cand", [(DECODE, Took())], started=later(1), conditions=a_conditions(hash="0", facts={}))
    said = orac("compare", "base", "cand", "--fail-on", "decode_tokens_per_s:5%")
    assert said.status == 0
    assert said.err.startswith("warning: tiny decode 64 → 16: decode_tokens_per_s:5% cannot be told: measured under")
    assert orac("compare", "base", "cand", "--fail-on", "decode_tokens_per_s:5%", "--strict").status == 1


@pytest.mark.usefixtures("slower")
@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["base", "nothing"], "There is no run nothing in"),
        (["base:phi-2", "cand"], "Run base has no case phi-2."),
        (["base", "base"], "base is compared with itself"),
        (["base"], "Run base is not a paired one"),
        (["base", "cand", "--metric", "decode"], "There is no metric 'decode'; near it: "),
        (["base", "cand", "--metric", "output_tokens"], "output_tokens has no better direction"),
        (["base", "cand", "--fail-on", "decode_tokens_per_s"], "has no number in percent"),
        (["base", "cand", "--fail-on", "decode:5%"], "There is no metric 'decode'"),
    ],
)
def test_what_cannot_be_compared_exits_with_2_and_a_way_out(
    orac: Callable[..., Said], words: list[str], wrong: str
) -> None:
    said = orac("compare", *words)
    assert (said.status, said.out) == (2, "")
    assert wrong in said.err
    assert "\n  next: " in said.err


def test_runs_without_a_common_case_exit_with_2(orac: Callable[..., Said], database: str) -> None:
    with open_store(database, write=True) as store:
        measured(store, "base", [(DECODE, Took())])
        measured(store, "cand", [(FIRST, Took(metric="ttft_s"))], started=later(1))
    said = orac("compare", "base", "cand")
    assert (said.status, said.out) == (2, "")
    assert "base and cand have no case in common" in said.err


def test_a_history_is_a_chart_and_a_line_a_run(orac: Callable[..., Said], database: str) -> None:
    with open_store(database, write=True) as store:
        nightly(store, LEVELS)
    said = orac("history", "--model", "tiny", "--suite", "decode")
    lines = said.out.splitlines()
    assert said.status == 0
    assert said.out.isascii() or "●" not in said.out
    assert len([line for line in lines if " night-" in line]) == 20
    (changed,) = (line for line in lines if "from here on" in line)
    assert (changed.split()[2], changed.split()[-5:]) == ("night-10", ["-10.0", "%", "from", "here", "on"])


def test_a_history_as_a_document_is_of_one_case(orac: Callable[..., Said], database: str) -> None:
    other = a_case(key="0ther00000000001", suite="decode", model_digest="sha256:older")
    with open_store(database, write=True) as store:
        measured(store, "night-x", [(other, Took())], started=later(-86_400))
        nightly(store, LEVELS)
    said = orac("history", "--case", "dec0", "--json")
    assert [change["at_run"] for change in said.document["changes"]] == ["night-10"]
    assert len(said.document["points"]) == 20
    assert orac("history", "--model", "tiny", "--suite", "decode", "--json").status == 0
    with open_store(database, write=True) as store:
        measured(store, "night-y", [(FIRST, Took(metric="ttft_s"))])
    both = orac("history", "--model", "tiny", "--json")
    assert (both.status, "Several cases are meant: " in both.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ([], "No case is named."),
        (["--model", "phi-2"], "No case was measured for --model phi-2; there are tiny decode."),
        (["--model", "tiny", "--metric", "decode"], "There is no metric 'decode'"),
    ],
)
@pytest.mark.usefixtures("slower")
def test_a_history_of_nothing_exits_with_2(orac: Callable[..., Said], words: list[str], wrong: str) -> None:
    said = orac("history", *words)
    assert said.status == 2
    assert wrong in said.err


@pytest.mark.usefixtures("slower")
def test_a_baseline_is_set_listed_used_and_removed(orac: Callable[..., Said]) -> None:
    assert orac("baseline", "list").out.startswith("There is no baseline yet.")
    assert orac("baseline", "set", "main-baseline", "latest~1").out == "main-baseline is run base.\n"
    assert orac("baseline", "list", "--json").document == {"baselines": [{"name": "main-baseline", "run": "base"}]}
    assert orac("compare", "main-baseline", "latest", "--json").document["base"] == "base"
    refused = orac("delete", "main-baseline", "--yes")
    assert (refused.status, "next: Take the name away first: orac baseline remove main-baseline" in refused.err) == (
        2,
        True,
    )
    assert orac("baseline", "set", "main-baseline", "cand").out == "main-baseline is run cand. It was base.\n"
    assert orac("baseline", "remove", "main-baseline", "--json").document == {"removed": "main-baseline", "run": "cand"}
    gone = orac("baseline", "remove", "main-baseline")
    assert (gone.status, "There is no baseline main-baseline" in gone.err) == (2, True)


def test_a_change_is_acknowledged_with_a_note_and_is_known_then(orac: Callable[..., Said], database: str) -> None:
    with open_store(database, write=True) as store:
        nightly(store, LEVELS)
    said = orac("annotate", "night-10", "new fan", "--case", "dec0", "--acknowledge")
    assert said.out == (
        "The note is kept beside case dec0de0000000001 of run night-10. "
        "Its change of decode_tokens_per_s is known from now on.\n"
    )
    (changed,) = (line for line in orac("history", "--case", "dec0").out.splitlines() if "from here on" in line)
    assert changed.endswith("-10.0 % from here on (known); new fan")
    refused = orac("annotate", "night-03", "why", "--case", "dec0", "--acknowledge")
    assert (refused.status, "did not change at run night-03; it did at night-10" in refused.err) == (2, True)
    assert orac("annotate", "night-03", "why", "--acknowledge").status == 2


@pytest.mark.usefixtures("slower")
def test_a_note_about_a_case_takes_what_a_comparison_takes(orac: Callable[..., Said]) -> None:
    key = orac("show", "latest", "--json").document["results"][0]["case"]["key"]
    for name in (key, key[:6], "tiny/decode", "tiny/decode/64"):
        said = orac("annotate", "latest", "odd", "--case", name)
        assert said.out == f"The note is kept beside case {key} of run cand.\n", said.err
    refused = orac("annotate", "latest", "odd", "--case", "huge")
    assert (refused.status, f"It has {key} tiny/decode/64" in refused.err) == (2, True), refused.err


@pytest.mark.usefixtures("slower")
def test_a_note_cannot_colour_the_terminal_and_is_whole_in_the_document(orac: Callable[..., Said]) -> None:
    assert orac("annotate", "latest", "\x1b[31mred\u202e").status == 0
    assert r": \x1b[31mred\u202e" in orac("show", "latest").out
    assert "\x1b" not in orac("history", "--case", "dec0").out
    assert orac("annotate", "latest", "\x1b[31m", "--json").document["text"] == "\x1b[31m"


@pytest.mark.usefixtures("slower")
def test_a_note_is_a_document_as_well(orac: Callable[..., Said]) -> None:
    document = orac("annotate", "latest", "new fan", "--json").document
    assert (document["run"], document["case"], document["text"]) == ("cand", None, "new fan")
    assert ": new fan\n" in orac("show", "latest").out


@pytest.mark.usefixtures("slower")
def test_the_rollup_is_rebuilt_and_says_how_much(orac: Callable[..., Said]) -> None:
    said = orac("db", "rollup", "--rebuild", "--json")
    assert (said.status, said.document) == (0, {"summaries": 2, "changes": 0})
    assert said.err == "2 of 2 results\n"
    assert orac("db", "rollup").status == 2


@pytest.mark.usefixtures("slower")
def test_a_run_is_exported_for_benchstat_alone(orac: Callable[..., Said]) -> None:
    lines = orac("export", "base", "--format", "benchstat").out.splitlines()
    assert lines[1:5] == [
        "board: orin",
        "power_mode: MAXN",
        "metrics_version: 1",
        "Unit decode_tokens_per_s better=higher",
    ]
    name = "BenchmarkDecode/model=tiny/prompt=64/output=16/case=dec0de0000000001"
    assert lines[5:7] == [f"{name} 1 50.0 decode_tokens_per_s", f"{name} 1 49.4 decode_tokens_per_s"]
    assert len(lines) == 15
    refused = orac("export", "base", "cand", "--format", "benchstat")
    assert (refused.status, "each holds one run, and 2 were named" in refused.err) == (2, True)
