"""A plugin of pytest whose fixture breaks before the first benchmark, as a fault of ORAC's own would."""

import pytest


@pytest.fixture(autouse=True)
def broken() -> None:
    raise RuntimeError("the fixture is broken")
