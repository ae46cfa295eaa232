"""What real Ollama servers said: tests/data/ollama-VERSION.txt, one answer a line, as replies of the fake."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.fakes.fake_ollama import Reply

DATA = Path(__file__).parent.parent / "data"
VERSIONS = ("0.6.0", "0.6.8", "0.12.11")
_LINE = re.compile(r"\[(?P<label>[\w-]+)\] (?P<status>\d{3}) (?P<type>.+?) (?P<body>['\"].*)")


def recorded(version: str) -> dict[str, Reply]:
    """The answers of Ollama `version` by label: recorded("0.6.0")["gen-missing"].

    Streams come as one write: when their lines arrived was not recorded.
    """
    text = (DATA / f"ollama-{version}.txt").read_text(encoding="utf-8")
    replies = {}
    for line in text.splitlines()[1:]:
        found = _LINE.fullmatch(line)
        assert found is not None, f"not a recorded answer: {line}"
        body = str(ast.literal_eval(found["body"])).encode()
        replies[found["label"]] = Reply(
            status=int(found["status"]),
            headers={"Content-Type": found["type"]},
            pieces=((0.0, body),),
            chunked=found["type"].endswith("ndjson"),
        )
    return replies
