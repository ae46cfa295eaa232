"""A plugin of pytest that interrupts it before its sixth item, as Ctrl-C between two items does."""

from collections.abc import Iterator

import pytest

_begun: list[str] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if len(_begun) == 5:
        raise KeyboardInterrupt
    _begun.append(item.nodeid)
    return (yield)
