"""Every provider of the registry, each with its stand-in on a real port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.servers.base import serving
from sandbox.servers.messaging import Desk
from tests.reverse_etl.delivery import harness_email, harness_messages
from tests.reverse_etl.delivery.harness import NOW, Harness, Lane, Scripted

HARNESSES = {
    harness.name: harness for harness in (*harness_email.HARNESSES, *harness_messages.HARNESSES)
}


@pytest.fixture(params=HARNESSES.values(), ids=list(HARNESSES))
def harness(request: pytest.FixtureRequest) -> Harness:
    found: Harness = request.param
    return found


@pytest.fixture
def lane(harness: Harness) -> Iterator[Lane]:
    desk = Desk(clock=lambda: NOW)
    with harness.serve(desk) as environment:
        yield Lane(harness, desk, environment)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    with serving(server) as url:
        server.port = int(url.rpartition(":")[2])
        yield server
