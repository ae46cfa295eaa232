"""What can be asked of a measurement, once for both doors: `--rounds` of `orac bench` is `--orac-rounds` of pytest.

What must never live here: what a wish comes to, which is `Bench.asked`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from orac_bench.arguments import at_least, length_of_time, precision
from orac_bench.suites.grid import SUITES


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option. `how` is what argparse and pytest take alike: its type, its action, what it is without a value."""

    name: str
    metavar: str | None
    help: str
    """Behind `orac bench --help`. A percent sign is written twice."""
    pytest_help: str | None = None
    """Behind `pytest --help`. None: the same."""
    how: Mapping[str, object] = field(default_factory=dict)
    wished: bool = True
    """Whether it says what to measure; else it says for which run, and has no part in the wish."""

    @property
    def key(self) -> str:
        """Its attribute among the parsed arguments of `orac bench`."""
        return self.name.replace("-", "_")


_MANY: Mapping[str, object] = {"action": "append", "default": []}
_USUAL = [name for name, suite in SUITES.items() if not suite.only_when_named]
_ONLY_WHEN_NAMED = [name for name in SUITES if name not in _USUAL]

OPTIONS: tuple[Option, ...] = (
    Option(
        name="suite",
        metavar="NAME",
        how=_MANY,
        help=f"{', '.join(_USUAL)}; {' and '.join(_ONLY_WHEN_NAMED)}, only when named",
        pytest_help=f"one of {', '.join(SUITES)}; may be repeated",
    ),
    Option(
        name="rounds",
        metavar="N",
        how={"type": at_least(1)},
        help="counted rounds a case (default: the suite's, 6 or 10)",
        pytest_help="counted rounds a case (default: the suite's)",
    ),
    Option(
        name="warmup",
        metavar="N",
        how={"type": at_least(0)},
        help="warm-up rounds a case (default: the suite's, 0 to 2)",
        pytest_help="warm-up rounds a case (default: the suite's)",
    ),
    Option(
        name="output-tokens",
        metavar="N",
        how={"type": at_least(1)},
        help="tokens to write (default: the suite's, 16 or 128)",
        pytest_help="tokens to write (default: the suite's)",
    ),
    Option(
        name="prompt-tokens",
        metavar="N",
        how={"type": at_least(1), "action": "append"},
        help="prompt length; may be repeated",
    ),
    Option(
        name="blocks",
        metavar="N",
        how={"type": at_least(1)},
        help="spread a case's rounds over N blocks in random order",
    ),
    Option(
        name="paired",
        metavar=None,
        how={"action": "store_true"},
        help="two models beside each other in each block, and a verdict",
        pytest_help="two models beside each other in each block (default: 10 blocks)",
    ),
    Option(
        name="variant",
        metavar="KEY=VALUE",
        how=_MANY,
        help="paired: one of two settings of a model",
        pytest_help="one of two settings of a model",
    ),
    Option(
        name="precision",
        metavar="P",
        how={"type": precision},
        help="go on until each headline is known to P, such as 2%%",
        pytest_help="go on until the headlines are known to P, such as 2%%",
    ),
    Option(
        name="time-limit",
        metavar="T",
        how={"type": length_of_time},
        help="of sustained and of --precision (default: 10m)",
        pytest_help="of sustained and --orac-precision (default: 10m)",
    ),
    Option(
        name="prompt-file",
        metavar="FILE",
        help="take the prompt from a file instead of a length",
        pytest_help="take the prompt from FILE instead of a length",
    ),
    Option(name="note", metavar="TEXT", help="a note, kept with the run"),
    Option(
        name="resume",
        metavar="RUN",
        help="go on with an interrupted run at its first unfinished case",
        wished=False,
    ),
    Option(name="claim", metavar="RUN", help=argparse.SUPPRESS, wished=False),
)
"""In the order of the help texts. Beside them both doors have the models, and pytest has which door called it."""


def add_to_shell(add: Callable[..., object]) -> None:
    """Adds what `orac bench` takes with `add`, which is argparse's."""
    add("models", nargs="*", metavar="MODEL", help="names of `orac models` (default: all)")
    for option in OPTIONS:
        add(f"--{option.name}", help=option.help, **_how(option))


def add_to_pytest(add: Callable[..., object]) -> None:
    """Adds the same as `--orac-...` with `add`, which is pytest's."""
    add("--orac-model", metavar="NAME", help="measure this model; may be repeated", **_MANY)
    for option in OPTIONS:
        add(f"--orac-{option.name}", help=option.pytest_help or option.help, **_how(option))
    add("--orac-trigger", default="pytest", metavar="DOOR", help="set by ORAC itself: which door started the run")


def asked_before(arguments: Sequence[str]) -> tuple[dict[str, object], str]:
    """What the stored `arguments` of a run wished, by the names that pytest has for it, and its -k.

    Empty where it had none of them.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    add_to_pytest(parser.add_argument)
    parser.add_argument("-k", dest="keyword", default="")
    found, _ = parser.parse_known_args([*arguments])
    wishes = {key: getattr(found, key) for key in ("orac_model", *_wishes())} if arguments else {}
    return wishes, found.keyword


def wished(arguments: argparse.Namespace) -> dict[str, object]:
    """What a person wished of `orac bench`, by the names that pytest has for it."""
    return {"orac_model": arguments.models, **{key: getattr(arguments, option) for key, option in _wishes().items()}}


def _wishes() -> dict[str, str]:
    """The options that say what to measure: their names in pytest, and in the shell."""
    return {f"orac_{option.key}": option.key for option in OPTIONS if option.wished}


def _how(option: Option) -> dict[str, object]:
    return {**option.how} if option.metavar is None else {**option.how, "metavar": option.metavar}
