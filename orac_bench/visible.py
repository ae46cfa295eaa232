"""Text of others as people may see it: what would move a terminal's cursor, or turn words round, as its escape.

Notes, imported files, names of models and answers of theirs may have such characters in them. JSON and CSV keep them.
"""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)
"""Control characters but tab and line feed, marks of direction, and halves of characters, which cannot be written.

Source: Unicode Standard Annex 9, section 2 (marks of direction).
"""


def visible(text: str) -> str:
    """`text` with each character that acts and is not seen as its escape, such as \\\\x1b."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
