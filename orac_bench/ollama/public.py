"""What a server said, without what is nobody's business. Pure."""

from __future__ import annotations

import re


def public(message: str) -> str:
    """`message` of a server without the absolute paths of its machine."""
    return re.sub(r"(?<![\w/:])/(?:[\w.@+-]+/)+([\w.@+:-]+)", r"…/\1", message)


def public_url(url: str) -> str:
    """`url` without the name and password that may be in it."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)
