"""Who may call: hosts, origins, tokens and kinds of bodies, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orac_bench.api.guard import host_known, refusal, same_origin
from orac_bench.settings import Settings, read_settings

NAMES = frozenset({"orin", "orin.lab.example"})


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "127.0.0.1:8000",
        "192.168.1.7",
        "192.168.1.7:18000",  # a mapped port
        "[::1]:8000",
        "[fe80::1]",
        "orin:8000",
        "orin.lab.example:8000",
        "orin.local",
        "orin.local.:8000",
    ],
)
def test_addresses_localhost_own_names_and_local_names_are_answered_by_default(host: str) -> None:
    assert host_known(host, None, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil-local",
        "orin.evil.example",
        "localhost:8000@evil.example",
        "localhost:port",
        "[::1",
        "evil.example/orin.local",
        "2130706433",
    ],
)
def test_other_names_are_not(host: str) -> None:
    assert not host_known(host, None, NAMES)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("board.lan:8000", True),
        ("a.fleet.example", True),
        ("a.b.fleet.example", True),
        ("fleet.example", False),
        ("10.0.0.1:8000", True),
        ("10.0.0.2:8000", False),
        ("localhost", False),
        ("orin", False),
    ],
)
def test_a_list_of_hosts_takes_the_place_of_the_default(host: str, *, known: bool) -> None:
    assert host_known(host, ("board.lan", "*.fleet.example", "10.0.0.1"), NAMES) is known


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://orin:8000", "orin:8000", True),
        ("https://orin:8000", "orin:8000", True),
        ("http://orin", "orin", True),
        ("http://orin:80", "orin", True),
        ("https://orin", "orin:443", True),
        ("http://orin:8000", "orin:8001", False),
        ("http://orin", "orin:8000", False),
        ("http://evil.example", "orin:8000", False),
        ("null", "orin:8000", False),
        ("", "", False),
        ("file://orin:8000", "orin:8000", False),
        ("http://orin:8000.evil.example", "orin:8000", False),
    ],
)
def test_an_origin_is_the_service_s_own_or_foreign(origin: str, host: str, *, same: bool) -> None:
    assert same_origin(origin, host) is same


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, None),
        ("GET", {"host": "evil.example"}, 403),
        ("GET", {"origin": "http://evil.example"}, 403),
        ("GET", {"origin": "http://localhost:8000"}, None),
        ("GET", {"sec-fetch-site": "cross-site"}, None),
        ("POST", {"sec-fetch-site": "cross-site"}, 403),
        ("DELETE", {"sec-fetch-site": "same-origin"}, None),
        ("POST", {"content-length": "2"}, 415),
        ("POST", {"content-length": "2", "content-type": "text/plain"}, 415),
        ("POST", {"transfer-encoding": "chunked"}, 415),
        ("POST", {"content-length": "2", "content-type": "Application/JSON; charset=utf-8"}, None),
        ("POST", {"content-length": "0"}, None),
    ],
)
def test_calls_are_refused_by_their_headers(method: str, headers: dict[str, str], status: int | None) -> None:
    assert refused(method, headers, token=None) == status


@pytest.mark.parametrize(
    ("method", "authorization", "status"),
    [
        ("GET", None, None),
        ("POST", None, 401),
        ("DELETE", "", 401),
        ("POST", "Bearer wrong", 401),
        ("POST", "Bearer secret2", 401),
        ("POST", "secret", 401),
        ("POST", "Basic secret", 401),
        ("POST", "Bearer s\xe9cret", 401),
        ("POST", "Bearer secret", None),
        ("POST", "bearer secret", None),
    ],
)
def test_what_changes_something_is_asked_for_the_token(
    method: str, authorization: str | None, status: int | None
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    assert refused(method, headers, token="secret") == status


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("host", "evil.example", 403),
        ("origin", "http://evil.example", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("authorization", "Bearer wrong", 401),
        ("content-type", "text/plain", 415),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_header_that_comes_twice_is_not_taken_by_its_better_value(
    name: str, value: str, status: int, *, first: bool
) -> None:
    good = {
        "host": "localhost:8000",
        "origin": "http://localhost:8000",
        "sec-fetch-site": "same-origin",
        "authorization": "Bearer secret",
        "content-type": "application/json",
        "content-length": "2",
    }
    sent = [(each.encode(), text.encode()) for each, text in good.items()]
    assert refusal("POST", sent, with_token("secret"), NAMES) is None
    other = (name.encode(), value.encode())
    found = refusal("POST", [other, *sent] if first else [*sent, other], with_token("secret"), NAMES)
    assert found is not None
    assert found.status == status


def refused(method: str, headers: dict[str, str], *, token: str | None) -> int | None:
    sent = {"host": "localhost:8000", **headers}
    found = refusal(method, [(k.encode(), v.encode("latin-1")) for k, v in sent.items()], with_token(token), NAMES)
    return None if found is None else found.status


def with_token(token: str | None) -> Settings:
    return replace(read_settings({"HOME": "/home/a"}), token=token)
