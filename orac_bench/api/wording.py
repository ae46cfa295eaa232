"""ORAC's errors in the words of a call: an option of a shell is a field of the body, and a command is no way out.

What must never live here: what an error is told as (problems.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_FIELDS = {name: f"{name}s" for name in ("model", "suite", "variant")} | {"prompt_file": "prompt"}
"""Options that a body has under another name."""
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
_COMMAND = re.compile(r"\borac (?:annotate|baseline|bench|compare|db|delete|export|history|list|show)\b")
_TAG = re.compile(r"int|float|str|bool|.*[-\[(].*")
"""What the framework adds to a field's place to say which of several types it tried."""


def of_a_call(text: str) -> str:
    """`text` with the fields of a body in the place of a shell's options, and the list of models in its command's."""
    return _OPTION.sub(lambda found: _field(found[1]), text).replace("`orac models`", "GET /v1/models")


def way_out(text: str | None) -> str | None:
    """What to do, likewise. None where it is a command of a shell."""
    return None if text is None or _COMMAND.search(text) else of_a_call(text)


def wrong_fields(found: Sequence[Mapping[str, object]], *, most: int) -> list[dict[str, str]]:
    """Each wrong field, `most` of them, with what is wrong: one that may be of several types once, with each reason."""
    reasons: dict[str, list[str]] = {}
    for each in found:
        place = each["loc"]
        names = [str(part) for part in place] if isinstance(place, tuple) else []
        where = ".".join(name[:80] for name in names[:2] + [name for name in names[2:] if not _TAG.fullmatch(name)])
        reasons.setdefault(where, []).append(str(each["msg"])[:200])
    return [{"where": where, "what": ", or: ".join(dict.fromkeys(said))} for where, said in [*reasons.items()][:most]]


def _field(option: str) -> str:
    name = option.replace("-", "_")
    return _FIELDS.get(name, name)
