"""What the documents say and what the program does, held together. Nothing here runs a measurement."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from orac_bench import plugin
from orac_bench.cli import parser
from orac_bench.flags import EXCLUDING, FLAG_TEXT, Flag
from orac_bench.metrics import METRICS
from orac_bench.settings import NAMES
from orac_bench.suites.grid import SUITES
from tests.test_layers import LEVELS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/board.md",
    "docs/faults.md",
    "docs/numbers.md",
    "docs/telemetry.md",
    "requirements/README.md",
)

ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")
AS_SERVICE = "deploy/orac"
IN_CONTAINER = ["docker", "compose", "exec", "orac"]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_every_orac_command_in_the_documents_can_be_typed() -> None:
    typed = [line for name in DOCUMENTS for line in orac_commands(text(name))]
    assert {words[1] for words in map(shlex.split, typed) if len(words) > 1} >= set(commands())
    assert [(line, refusal(line)) for line in typed if refusal(line) is not None] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_row_of_a_table_has_as_many_cells_as_its_head(name: str) -> None:
    tables = re.findall(r"(?m)(?:^\|.*\n)+", f"{text(name)}\n")
    sizes = [[len(re.findall(r"(?<!\\)\|", row)) for row in block.splitlines()] for block in tables]
    assert [block[:80] for block, cells in zip(tables, sizes, strict=True) if len(set(cells)) > 1] == []
    assert [block[:80] for block in tables if not re.search(r"\A.*\n\|[-|: ]+\|\n", block)] == []


def test_the_help_of_orac_and_of_everything_that_can_be_typed_behind_it_has_an_example_that_can_be_typed() -> None:
    shown = {words: list(examples(command.format_help())) for words, command in helps(parser(), "orac")}
    assert [words for words, own in shown.items() if not own] == []
    assert [(words, own) for words, own in shown.items() if not any(line.startswith(words) for line in own)] == []
    typed = [line for own in shown.values() for line in own]
    assert [(line, refusal(line)) for line in typed if refusal(line) is not None] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("orac bench phi-2 --suite decode --rounds 20", None),
        ("orac bench phi-2 --rounds 0", "argument --rounds: '0' is not allowed"),
        ("orac bench phi-2 --round 20", "unrecognized arguments: --round 20"),
        ("orac weigh latest", "argument COMMAND: invalid choice: 'weigh'"),
    ],
)
def test_a_command_that_cannot_be_typed_is_seen(line: str, wrong: str | None) -> None:
    said = refusal(line)
    assert said is None if wrong is None else wrong in (said or "")


def test_every_command_and_option_of_orac_has_its_place_in_the_readme() -> None:
    readme = text("README.md")
    assert [name for name in commands() if f"orac {name}" not in readme] == []
    assert [option for option in options_of_bench() if option not in readme] == []


def test_the_options_for_pytest_in_the_documents_are_those_of_the_plugin() -> None:
    recorder = Recorder()
    plugin.pytest_addoption(recorder)  # type: ignore[arg-type]  # takes what is added and does nothing with it
    public = set(recorder.names) - {"--orac-trigger", "--orac-claim"}  # set by ORAC itself
    assert set(re.findall(r"--orac-[a-z-]+", text("README.md"))) == public
    assert set(re.findall(r"--orac-[a-z-]+", text("Makefile"))) <= public


def test_the_table_of_settings_has_exactly_what_is_read() -> None:
    rows = [row[0].strip("`") for row in table("README.md", "name", "default", "meaning")]
    assert rows == list(NAMES)


def test_no_document_names_a_setting_that_is_not_read() -> None:
    tests_own = {"ORAC_TEST_OLLAMA", "ORAC_TEST_OLLAMA_NEWER", "ORAC_TEST_STORE", "ORAC_CHROMIUM"}  # by their conftest
    compose_own = {"ORAC_GGUF"}  # read by docker-compose.yml
    named = {found for name in DOCUMENTS for found in re.findall(r"\bORAC_[A-Z_]*[A-Z]", text(name))}
    assert named - set(NAMES) - tests_own - compose_own == set()


def test_every_make_target_that_is_named_exists_and_every_one_that_exists_is_named() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", text("Makefile"), re.MULTILINE))
    named = {found for name in DOCUMENTS for found in make_targets(text(name))}
    assert named - targets == set()
    assert targets - {"help"} - make_targets(text("README.md")) == set()


def test_every_link_leads_to_a_file() -> None:
    links = [(name, link) for name in DOCUMENTS for link in LINK.findall(text(name)) if "://" not in link]
    assert links
    assert [(name, link) for name, link in links if not (ROOT / name).parent.joinpath(link).exists()] == []


def test_the_picture_of_the_parts_has_every_part_and_no_other() -> None:
    (picture,) = re.findall(r"```text\n(doors .*?)```", text("docs/architecture.md"), re.DOTALL)
    drawn = set(re.findall(r"[a-z_]+", picture))
    assert [name for level in LEVELS for name in level if name not in drawn] == []
    folders = set(re.findall(r"([a-z]+)/", picture))
    assert [name for name in folders - {"benchmarks"} if not list((ROOT / "orac_bench").glob(f"**/{name}"))] == []


def test_every_file_over_300_lines_has_its_reason_in_the_architecture() -> None:
    _, _, reasons = text("docs/architecture.md").partition("## Long files\n")
    patterns = ("orac_bench/**/*.py", "orac_bench/web/*.*", "benchmarks/*.py", "scripts/*", "deploy/*")
    files = [path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()]
    long = {path for path in files if path.suffix != ".svg" and path.read_bytes().count(b"\n") > 300}
    assert {(ROOT / "docs" / link).resolve() for link in LINK.findall(reasons)} == long


def test_every_document_that_the_source_refers_to_is_in_the_project() -> None:
    """A stranger cannot open another's notes."""
    folders = ("orac_bench", "benchmarks", "scripts", "deploy", "tests")
    texts = [path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py")]
    named = {found for text in texts for found in re.findall(r"[\w-]+\.md\b", re.sub(r"https?://\S+", "", text))}
    there = {path.name for folder in (".", "docs", "requirements") for path in (ROOT / folder).glob("*.md")}
    assert named - there == set()


def test_the_table_of_metrics_has_every_metric_with_its_label_and_clock() -> None:
    found = []
    for keys, labels, _, clock in table("README.md", "metric", "shown as", "meaning", "clock"):
        found += [(key, label, clock) for key, label in zip(code(keys), labels.split(", "), strict=True)]
    assert sorted(found) == sorted((metric.key, metric.label, metric.clock) for metric in METRICS.values())


def test_every_flag_is_in_the_readme_with_its_effect() -> None:
    effects = {code(name)[0]: effect for name, effect, _ in table("README.md", "flag", "effect", "meaning")}
    assert effects == {flag.value: "left out" if flag in EXCLUDING else "tells" for flag in Flag}
    assert set(FLAG_TEXT) == set(Flag)


def test_every_flag_is_set_somewhere() -> None:
    source = "".join(path.read_text() for path in (ROOT / "orac_bench").rglob("*.py") if path.name != "flags.py")
    assert {flag for flag in Flag if f"Flag.{flag.name}" in source} == set(Flag)


def test_the_table_of_suites_is_the_grid() -> None:
    rows = [
        (code(name)[0], question, rounds, [int(number) for number in re.findall(r"\d+", tokens)])
        for name, question, rounds, tokens in table(
            "README.md", "suite", "question", "warm-ups and rounds", "tokens in, out"
        )
    ]
    assert [(name, question, tokens) for name, question, _, tokens in rows] == [
        (suite.name, suite.question, [*suite.prompt_tokens, suite.output_tokens]) for suite in SUITES.values()
    ]
    for (_, _, rounds, _), suite in zip(rows, SUITES.values(), strict=True):
        assert rounds.startswith(f"{suite.warmup} + {suite.rounds}")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(document: str) -> Iterator[str]:
    """The lines of its shell blocks; one that goes on in the next is one."""
    for block in re.findall(r"^```sh\n(.*?)^```", document, re.MULTILINE | re.DOTALL):
        yield from re.sub(r"\\\n\s*", "", block).splitlines()


def code(cell: str) -> list[str]:
    """What stands in single backticks in `cell`."""
    return re.findall(r"`([^`\n]+)`", cell)


def orac_commands(document: str) -> Iterator[str]:
    """Each command that begins with `orac`, in shell blocks and in backticks, without the settings before it.

    In backticks, `orac show` alone is the command's name.
    """
    names = [f"orac {name}" for name in commands()]
    prose = re.sub(r"^```.*?^```", "", document, flags=re.MULTILINE | re.DOTALL)
    for line in (*blocks(document), *(quoted for quoted in code(prose) if quoted not in names)):
        words = shlex.split(line, comments=True)
        while words and ASSIGNMENT.fullmatch(words[0]):
            words.pop(0)
        if words[: len(IN_CONTAINER)] == IN_CONTAINER:
            words = words[len(IN_CONTAINER) :]
        if words[:1] == [AS_SERVICE]:
            words = ["orac", *words[1 : words.index("&&") if "&&" in words else None]]
        if words[:1] == ["orac"] and words[1:] not in ([], ["--help"]):
            yield shlex.join(words)


def examples(help_text: str) -> Iterator[str]:
    """The commands behind "example:" or "examples:", each without what is said beside it."""
    _, _, shown = help_text.partition("example")
    for line in shown.splitlines():
        found = re.match(r"(?:s?:)?\s*(orac .+?)(?:\s{2,}.*)?$", line)
        if found:
            yield found[1]


def refusal(line: str) -> str | None:
    """What `orac` says to a command that it does not take, None for one that it does."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            parser().parse_args(shlex.split(line)[1:])
        except SystemExit:
            return said.getvalue()
    return None


def commands() -> dict[str, argparse.ArgumentParser]:
    """The commands of `orac` by name."""
    return actions(parser())


def actions(command: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """What can be typed behind a command, by its word; of most nothing."""
    found = (action for action in command._actions if isinstance(action, argparse._SubParsersAction))
    return {name: one for action in found for name, one in action.choices.items()}


def helps(command: argparse.ArgumentParser, words: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Everything that has a `--help`: the words before it, and what parses those behind."""
    yield words, command
    for name, action in actions(command).items():
        yield from helps(action, f"{words} {name}")


def options_of_bench() -> list[str]:
    """The options of `orac bench` that only it has."""
    common = {"--help", "--json", "--database"}
    shown = [action for action in commands()["bench"]._actions if action.help != argparse.SUPPRESS]
    names = [name for action in shown for name in action.option_strings]
    return [name for name in names if name.startswith("--") and name not in common]


def make_targets(document: str) -> set[str]:
    """The targets of `make TARGET`, in shell blocks and in backticks."""
    lines = [*blocks(document), *code(document)]
    return {found[1] for line in lines if (found := re.match(r"(?:[A-Z_]+=\S* )*make ([a-z][a-z-]*)", line))}


def table(name: str, *columns: str) -> list[list[str]]:
    """The rows of the document's only table with these columns, as cells."""
    head = f"| {' | '.join(columns)} |\n"
    document = text(name)
    assert document.count(head) == 1, f"{name} has no table, or several, with the columns {columns}"
    rows = document.partition(head)[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


class Recorder:
    """Stands in for pytest's parser of options and keeps their names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def getgroup(self, _name: str, _description: str) -> Recorder:
        return self

    def addoption(self, name: str, **_more: object) -> None:
        self.names.append(name)
