from collections.abc import Iterator

import pytest
from stub import Stub, running

from troth.client import Client


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running() as stub:
        yield stub


@pytest.fixture
def client(stub: Stub) -> Iterator[Client]:
    with Client(stub.url, "troth_billing_secret", timeout=30, product="shop") as client:
        yield client
