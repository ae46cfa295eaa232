"""What a run was asked for over REST, as options of `orac bench`: an allow-list, and nothing else reaches the command.

A wish is the checked body of a request as it is kept with its run: a field that was left out is not in it. Pure but
for the Python that runs. What must never live here: the check of a wish, which is `Bench.asked` as in a shell.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from orac_bench.records import Json

Wish = Mapping[str, Json]
"""Fields of `POST /v1/runs` by their names there, and `prompt_file` for the waiting benchmark."""

OPTIONS: Mapping[str, str] = {
    "suites": "suite",
    "rounds": "rounds",
    "warmup": "warmup",
    "output_tokens": "output-tokens",
    "prompt_tokens": "prompt-tokens",
    "time_limit_s": "time-limit",
    "prompt_file": "prompt-file",
    "paired": "paired",
    "variants": "variant",
    "precision": "precision",
}
"""The option of each field; a list is said once for each of its items. Models are named as such, and a note goes with
the run through the store."""


def options(wish: Wish) -> dict[str, object]:
    """The wish by the names of pytest's options, as `Bench.asked` takes it from a shell."""
    named = {f"orac_{option.replace('-', '_')}": wish[field] for field, option in OPTIONS.items() if field in wish}
    if (limit_s := wish.get("time_limit_s")) is not None:
        named["orac_time_limit"] = float(str(limit_s))
    return {"orac_model": wish.get("models", []), "orac_note": wish.get("note"), **named}


def first_command(run_id: str, wish: Wish) -> list[str]:
    """What a person would type for the wish, to measure it as the queued run `run_id`."""
    words = [f"--claim={run_id}"]
    for field, option in OPTIONS.items():
        value = wish.get(field)
        for one in value if isinstance(value, list) else [value]:
            if one is True:
                words.append(f"--{option}")
            elif one is not None and one is not False:
                words.append(f"--{option}={_word(field, one)}")
    models = wish.get("models")
    names = [str(name) for name in models] if isinstance(models, list) else []
    return [*_bench(), *words, *(["--", *names] if names else [])]


def next_command(run_id: str) -> list[str]:
    """What a person would type to go on with the interrupted run `run_id`."""
    return [*_bench(), f"--resume={run_id}"]


def run_folder(home: Path, run_id: str) -> Path:
    """Where what a run of the service said is kept, and what it was given; below `home` whatever the id is."""
    return home / "runs" / re.sub(r"^\.|[^A-Za-z0-9._-]", lambda found: f"%{ord(found[0]):02X}", run_id)


def _bench() -> list[str]:
    return [sys.executable, "-m", "orac_bench.cli", "bench"]


def _word(field: str, value: Json) -> str:
    if field == "time_limit_s" and isinstance(value, (int, float)):
        return f"{value:g}s"
    if field == "precision" and isinstance(value, (int, float)):
        return f"{value * 100:g}%"
    return str(value)
