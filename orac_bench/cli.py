"""The command-line door: what can be typed, and how an error is told.

Numbers go to stdout, everything else to stderr. Exit status: 0 done, 1 a round failed, 2 wrong usage or a missing
prerequisite, 130 interrupted. A command's modules are imported only when it is called, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from orac_bench import __version__
from orac_bench.arguments import at_least
from orac_bench.errors import OracError
from orac_bench.garbage import uncollected
from orac_bench.options import add_to_shell
from orac_bench.settings import Settings, database_url, read_settings
from orac_bench.visible import visible

EXAMPLES = """\
examples:
  orac doctor                              what is missing on this machine
  orac models                              the GGUF files that can be measured
  orac bench                               measure them all, four suites
  orac bench phi-2 --suite decode          one model, one question
  orac show latest                         the results of the last run
  orac compare latest~1 latest             what became slower, and how surely
  orac export latest --format csv -o run.csv
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command in `argv` (None: this process's arguments). The exit status."""
    arguments = parser().parse_args(argv)
    try:
        settings = read_settings()
        if getattr(arguments, "database", None):
            url = database_url(arguments.database, home=settings.home, folder=Path.cwd())
            os.environ["ORAC_DATABASE_URL"] = url
            settings = read_settings()
        with uncollected():
            module = import_module(f"orac_bench.commands.{arguments.module}")
        command: Callable[[Settings, argparse.Namespace], int] = getattr(module, arguments.function)
        status = command(settings, arguments)
        sys.stdout.flush()
    except OracError as error:
        print(f"orac: {visible(error.what)}", file=sys.stderr)
        if error.next is not None:
            print(f"  next: {visible(error.next)}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("orac: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def parser() -> argparse.ArgumentParser:
    """Everything that can be typed."""
    top = argparse.ArgumentParser(
        prog="orac",
        description="True numbers of language models on small boards.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"orac {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, module: str, text: str, *, example: str, store: bool = True) -> argparse.ArgumentParser:
        made = _action(commands, name, text, example=example, store=store)
        made.set_defaults(module=module, function=name.replace("import", "take_in"))
        return made

    command("doctor", "doctor", "Check every prerequisite", example="orac doctor", store=False)
    command("models", "models", "List the GGUF files, ready or refused", example="orac models --json", store=False)
    measured = command("bench", "bench", "Measure models", example="orac bench phi-2 --suite decode --rounds 20")
    add_to_shell(measured.add_argument)
    listed = command("list", "runs", "List runs, newest first", example="orac list --limit 5")
    listed.add_argument("--limit", type=at_least(1), default=20, metavar="N", help="how many (default 20)")
    listed.add_argument("--before", metavar="RUN", help="only runs older than this one")
    shown = command("show", "runs", "Show one run: conditions, results, flags", example="orac show latest --rounds")
    shown.add_argument("run", metavar="RUN", help=_RUN)
    shown.add_argument("--rounds", action="store_true", help="every round as well")
    deleted = command("delete", "runs", "Delete a run and its rounds", example="orac delete latest~3")
    deleted.add_argument("run", metavar="RUN", help=_RUN)
    deleted.add_argument("--yes", action="store_true", help="do not ask")
    _judging(command)
    exported = command("export", "exchange", "Write runs in a form that others read", example=_EXPORT)
    exported.add_argument("runs", nargs="+", metavar="RUN", help=_RUN)
    exported.add_argument("--format", choices=_FORMATS, default="json", help="default: json")
    exported.add_argument("-o", dest="output", metavar="PATH", help="write to a file instead of stdout")
    imported = command("import", "exchange", "Take in another board's JSON export", example="orac import other.json")
    imported.add_argument("file", metavar="FILE", help="made by orac export --format json")
    command("serve", "serve", "Run the service", example="orac serve")
    checked = command("selfcheck", "selfcheck", "Measure ORAC's own error and overhead", example="orac selfcheck")
    checked.add_argument("--model", metavar="M", help="for the overhead (default: the smallest that is there)")
    checked.add_argument("--rounds", type=at_least(2), default=20, metavar="N", help="pairs of rounds (default 20)")
    _telemetry(command("telemetry", "telemetry", "What the board's sensors tell", example=_CALIBRATE, store=False))
    _database(command("db", "database", "Look after the store", example="orac db backup orac-2026.db"))
    return top


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    *,
    example: str,
    store: bool = True,
) -> argparse.ArgumentParser:
    """What can be typed behind `name`, so far --json and where there is a `store` --database; its help has an example.

    It is done by the function of that name, unless said otherwise.
    """
    made = actions.add_parser(
        name,
        help=text,
        description=text[:1].upper() + text[1:],
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.set_defaults(function=name)
    made.add_argument("--json", action="store_true", help="print one JSON document")
    if store:
        made.add_argument("--database", metavar="URL", help="the store (default: ORAC_DATABASE_URL)")
    return made


def _judging(command: Callable[..., argparse.ArgumentParser]) -> None:
    compared = command("compare", "compare", "Tell what became slower or faster, and how surely", example=_COMPARE)
    compared.add_argument("base", metavar="BASE", help=f"RUN or RUN:CASE: {_RUN}")
    compared.add_argument("candidates", nargs="*", metavar="CANDIDATE", help="likewise; none for a run with --paired")
    compared.add_argument("--metric", action="append", default=[], metavar="M", help="default: the suite's headlines")
    compared.add_argument(
        "--fail-on", action="append", default=[], metavar="M:5%", help="fail where surely worse by more"
    )
    compared.add_argument("--strict", action="store_true", help="with --fail-on: what cannot be told fails, too")
    compared.add_argument("--across-conditions", action="store_true", help="compare under different conditions as well")
    told = command("history", "history", "Show a case over time, and where its level changed", example=_HISTORY)
    told.add_argument("--model", metavar="M", help="the case's model")
    told.add_argument("--suite", metavar="S", help="the case's suite")
    told.add_argument("--case", metavar="KEY", help="the case by its key, or the beginning of it")
    told.add_argument("--metric", metavar="M", help="default: the suite's first headline")
    told.add_argument(
        "--limit", type=at_least(1), default=50, metavar="N", help="lines for the newest runs (default 50)"
    )
    baseline = command("baseline", "marks", "Give runs names to compare with", example=_BASELINE, store=False)
    actions = baseline.add_subparsers(metavar="set|list|remove", required=True)
    for name, text, example in (
        ("set", "name a run", _BASELINE),
        ("list", "list the names", "orac baseline list"),
        ("remove", "take a name away", "orac baseline remove main-baseline"),
    ):
        action = _action(actions, name, text, example=example)
        action.set_defaults(function=f"{name}_baseline" if name != "list" else "baselines")
        if name != "list":
            action.add_argument("name", metavar="NAME", help="lower-case letters, digits, dots, underscores, hyphens")
        if name == "set":
            action.add_argument("run", metavar="RUN", help=_RUN)
    noted = command("annotate", "marks", "Write a note beside a run", example='orac annotate latest "new fan"')
    noted.add_argument("run", metavar="RUN", help=_RUN)
    noted.add_argument("text", metavar="TEXT", help="what to remember")
    noted.add_argument("--case", metavar="CASE", help="beside one case of it: its key or MODEL/SUITE/LENGTH")
    noted.add_argument("--acknowledge", action="store_true", help="with --case: its change of level there is no news")


_RUN = "an id, latest, latest~2 or a baseline's name"
_COMPARE = "orac compare main-baseline latest --fail-on decode_tokens_per_s:5%"
_HISTORY = "orac history --model phi-2 --suite decode"
_BASELINE = "orac baseline set main-baseline latest"
_CALIBRATE = "orac telemetry calibrate --source replay:tegrastats.log"
_FORMATS = ("csv", "json", "markdown", "pytest-benchmark", "benchstat")
_EXPORT = "orac export latest --format csv -o run.csv"


def _telemetry(telemetry: argparse.ArgumentParser) -> None:
    actions = telemetry.add_subparsers(metavar="watch|parse|energy|calibrate", required=True)
    made = {
        name: _action(actions, name, text, example=f"orac telemetry {name} {more}".rstrip(), store=False)
        for name, text, more in (
            ("watch", "print readings as they come, one line each", "--count 10"),
            ("parse", "turn recorded lines of tegrastats into JSON lines", "tegrastats.log"),
            ("energy", "print the energy of a window of a recorded log", "tegrastats.log --from 52 --to 60"),
            ("calibrate", "fit the power sensor's lag from steps of load", "--source replay:tegrastats.log"),
        )
    }
    watch, energy = made["watch"], made["energy"]
    watch.add_argument("--count", type=at_least(1), metavar="N", help="end after N readings")
    watch.add_argument("--interval", type=_positive, default=1.0, metavar="S", help="seconds between them (default 1)")
    made["parse"].add_argument("file", metavar="FILE", help="a log of tegrastats, - for standard input")
    energy.add_argument("file", metavar="FILE", help='a log of tegrastats, or JSON lines {"t_s", "rails_w"}')
    for option, dest, text in (
        ("--from", "start", "where the window begins, in s"),
        ("--to", "end", "where it ends, in s"),
    ):
        energy.add_argument(option, dest=dest, type=float, required=True, metavar="S", help=text)
    energy.add_argument("--rail", metavar="NAME", help="the rail (default: the module's, such as VDD_IN)")
    energy.add_argument("--idle-from", dest="idle_start", type=float, metavar="S", help="where an idle window begins")
    energy.add_argument("--idle-to", dest="idle_end", type=float, metavar="S", help="where it ends")
    energy.add_argument("--tau", type=float, metavar="S", help="the sensor's lag (default: ORAC_SENSOR_LAG_S)")
    energy.add_argument("--interval", type=_positive, metavar="S", help="seconds between lines that print no time")
    made["calibrate"].add_argument("--source", metavar="S", help="as ORAC_TELEMETRY, also replay:FILE")


def _database(db: argparse.ArgumentParser) -> None:
    actions = db.add_subparsers(metavar="upgrade|check|backup|rollup", required=True)
    for name, text, more in (
        ("upgrade", "bring an older store up to this version, after a backup beside it", ""),
        ("check", "look for damage", ""),
        ("backup", "copy the store while it is in use", "orac-2026.db"),
        ("rollup", "compute summaries and changes of level anew from the rounds", "--rebuild"),
    ):
        action = _action(actions, name, text, example=f"orac db {name} {more}".rstrip())
        if name == "backup":
            action.add_argument("path", metavar="PATH", help="the new file")
        if name == "rollup":
            action.add_argument("--rebuild", action="store_true", required=True, help="of all runs")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: a number above 0 is")
    return value


if __name__ == "__main__":
    sys.exit(main())
