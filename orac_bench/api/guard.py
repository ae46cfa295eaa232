"""Who may call: the Host that was asked for, the Origin that a page says it has, the token, the kind of body.

Against pages of other sites that reach this port through a person's browser: an address cannot be rebound to another
machine, a name can, so only known names are answered. Pure. What must never live here: reading a body, sending.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from orac_bench.settings import Settings

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing; every other one is asked for the token."""

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a call is not let in. `code` is the problem's, and its name in the documentation."""

    status: int
    code: str
    title: str
    detail: str
    next: str | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """What the status asks for."""
        return {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}


def refusal(
    method: str, headers: Iterable[tuple[bytes, bytes]], settings: Settings, names: Collection[str]
) -> Refusal | None:
    """Why this call is refused; None where it is let in. `names` are the machine's own, in lower case."""
    told = combined(headers)
    host, origin = told.get("host", "").lower(), told.get("origin")
    if not host_known(host, settings.allowed_hosts, names):
        return Refusal(
            status=403,
            code="foreign_host",
            title="Foreign Host",
            detail="This service does not answer for the name in the Host header.",
            next="Use the machine's address, or add the name to ORAC_ALLOWED_HOSTS.",
        )
    if origin is not None and not same_origin(origin.lower(), host):
        return _foreign("The Origin header names another site than the Host header.")
    if method in READING:
        return None
    if "cross-site" in told.get("sec-fetch-site", ""):
        return _foreign("The browser says that a page of another site calls.")
    if settings.token is not None and not _token_known(told.get("authorization", ""), settings.token):
        return Refusal(
            status=401,
            code="unauthorized",
            title="Unauthorized",
            detail="This call changes something, and needs the service's token.",
            next="Send the header `Authorization: Bearer TOKEN`, with the value of ORAC_TOKEN.",
        )
    if has_body(told) and told.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return Refusal(
            status=415,
            code="unsupported_media_type",
            title="Unsupported Media Type",
            detail="A body is taken as JSON only.",
            next="Send the header `Content-Type: application/json`.",
        )
    return None


def combined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names in lower case. One that came twice has both values, and so is none that is let in.

    Source: RFC 9110, 5.2.
    """
    told: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        told[key] = f"{told[key]}, {text}" if key in told else text
    return told


def host_known(host: str, allowed: Collection[str] | None, names: Collection[str]) -> bool:
    """Whether a Host header (in lower case, with a port or without) is one that is answered.

    `allowed` None: localhost, literal addresses, `names`, and what ends in .local.
    """
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found["name"].rstrip(".")
    address = _address(name)
    if allowed is None:
        return address is not None or name == "localhost" or name in names or name.endswith(".local")
    if address is not None:
        return address in {_address(each) for each in allowed}
    return any(name == each or (each.startswith("*.") and name.endswith(each[1:])) for each in allowed)


def same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header means the site of the Host header; both in lower case. An opaque one does not."""
    scheme, separator, place = origin.partition("://")
    if not separator or scheme not in _PORTS:
        return False
    suffix = f":{_PORTS[scheme]}"
    return place.removesuffix(suffix) == host.removesuffix(suffix)


def has_body(headers: Mapping[str, str]) -> bool:
    """Whether a request with these headers brings a body."""
    return headers.get("content-length", "0").strip() != "0" or "transfer-encoding" in headers


def _foreign(detail: str) -> Refusal:
    return Refusal(
        status=403,
        code="foreign_origin",
        title="Foreign Origin",
        detail=detail,
        next="Open the service's own address, or call it without a browser.",
    )


def _token_known(authorization: str, token: str) -> bool:
    """Whether the header carries the token; compared in constant time."""
    scheme, _, given = authorization.partition(" ")
    return hmac.compare_digest(given.strip().encode("latin-1"), token.encode()) and scheme.lower() == "bearer"


def _address(name: str) -> str | None:
    """A literal IP address in its usual form; None for a name."""
    try:
        return str(ip_address(name.strip("[]")))
    except ValueError:
        return None
