"""What every source must do, each against its stand-in on a real port."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from ingestion.contracts import KINDS
from ingestion.sources import registry
from ingestion.sources.model import Source
from sandbox.servers import vendors
from sandbox.servers.base import SECRET, Fault
from tests.ingestion.sources.conftest import END, Vendor

New = Callable[..., Vendor]
every = pytest.mark.parametrize("name", registry.MODULES)


def test_each_has_a_stand_in() -> None:
    assert set(registry.MODULES) == set(vendors.NAMES)


@every
def test_the_declaration(name: str) -> None:
    source = registry.load(name)
    assert isinstance(source, Source)
    assert source.name == name and source.module == registry.MODULES[name]
    assert source.url.startswith("https://")
    assert len({resource.name for resource in source.resources}) == len(source.resources)
    assert set(source.kinds) <= set(KINDS)
    for variable in source.variables:
        assert variable.name.startswith("MARKETING_") and variable.what


@every
def test_everything_comes_once(new_vendor: New, name: str) -> None:
    vendor = new_vendor(name)
    result = vendor.run(guard=True)
    assert result.errors == []
    found = {resource.name: resource.records for resource in result.resources}
    assert found == vendor.expected
    assert sum(load.received for load in vendor.loads) == sum(vendor.expected.values())
    assert [load.examples for load in vendor.loads if load.examples] == []
    assert all(load.good == load.received for load in vendor.loads)


@every
def test_asking_again_adds_nothing(new_vendor: New, name: str) -> None:
    vendor = new_vendor(name)
    vendor.run()
    before = vendor.everything()
    again = vendor.run(END + timedelta(minutes=5))
    assert again.errors == []
    assert vendor.everything() == before
    assert all(load.received == load.duplicate for load in vendor.loads)


@every
def test_it_waits_as_it_is_told(new_vendor: New, name: str) -> None:
    vendor = new_vendor(name)
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    vendor.control.faults = [
        Fault(429, {"Retry-After": "7"}),
        Fault(429, {"Retry-After": date}),
        Fault(503),
    ]
    result = vendor.run()
    assert result.errors == []
    assert sum(load.good for load in vendor.loads) > 0
    assert vendor.waits[0] >= 7 and 80 <= vendor.waits[1] <= 91 and vendor.waits[2] <= 10


@every
def test_a_wait_beyond_reason_is_left_for_the_next_run(new_vendor: New, name: str) -> None:
    vendor = new_vendor(name)
    vendor.control.faults = [Fault(429, {"Retry-After": "86400"})]
    result = vendor.pull()
    assert "asks to wait 86,400 s" in result.errors[0]


@every
def test_wrong_credentials_are_said_and_not_shown(new_vendor: New, name: str) -> None:
    vendor = new_vendor(name)
    vendor.values = {
        key: value if key.endswith("_URL") else value.replace(SECRET, "wrong-secret")
        for key, value in vendor.values.items()
    }
    if not any("wrong-secret" in value for value in vendor.values.values()):
        pytest.skip("an open API")
    result = vendor.run()
    assert result.errors
    assert all("credentials were refused" in error for error in result.errors)
    assert "wrong-secret" not in repr(result)
    assert result.records == sum(load.received for load in vendor.loads) == 0


@every
def test_without_credentials_it_is_skipped(new_vendor: New, name: str) -> None:
    vendor = new_vendor(name)
    required = [v.name for v in vendor.source.variables if v.required and v.default is None]
    if not required:
        pytest.skip("an open API")
    for variable in required:
        vendor.values.pop(variable)
    result = vendor.pull()
    assert (result.status, result.missing) == ("skipped", required)
    assert vendor.control.requests == []


@every
def test_no_secret_lands(new_vendor: New, name: str) -> None:
    vendor = new_vendor(name)
    vendor.run()
    files = [path for path in vendor.root.rglob("*") if path.is_file()]
    assert files
    assert not any(SECRET.encode() in path.read_bytes() for path in files)


@every
@pytest.mark.parametrize("body", [b"<html>maintenance</html>", b'"text"', b"{}", b"[1", b""])
def test_an_answer_of_another_shape_is_no_data(new_vendor: New, name: str, body: bytes) -> None:
    vendor = new_vendor(name)
    vendor.control.faults = [Fault(200, {"Content-Type": "text/html"}, body)]
    first = vendor.run()
    shown = [load.examples for load in vendor.loads if load.examples]
    assert shown == []
    assert vendor.run(END + timedelta(minutes=5)).errors == []
    assert len(first.errors) <= 1
    clean = new_vendor(name)
    clean.run()
    assert {key: len(rows) for key, rows in vendor.everything().items()} == {
        key: len(rows) for key, rows in clean.everything().items()
    }


@every
@pytest.mark.parametrize("after", [1, 2, 5])
def test_a_pull_that_dies_is_made_good_by_the_next(new_vendor: New, name: str, after: int) -> None:
    vendor = new_vendor(name)
    vendor.control.skip, vendor.control.faults = after, [Fault(500)] * 1000
    broken = vendor.run()
    if len(vendor.control.requests) > after:
        assert broken.errors
    vendor.control.faults = []
    assert vendor.run(END + timedelta(minutes=5)).errors == []
    clean = new_vendor(name)
    clean.run()
    assert vendor.everything() == clean.everything()


@every
def test_a_new_field_does_no_harm(new_vendor: New, name: str) -> None:
    module = vendors.load(name)
    data = module.make(new_people(), END)
    vendor = new_vendor(name, with_new_field(data))
    vendor.run()
    assert [load.examples for load in vendor.loads if load.examples] == []
    assert sum(load.good for load in vendor.loads) > 0


def new_people() -> Any:
    from tests.ingestion.sources.conftest import PEOPLE

    return PEOPLE


def with_new_field(value: Any) -> Any:
    """Every record gets a member that nobody knows."""
    if isinstance(value, list):
        return [
            {**with_new_field(item), "brand_new": {"a": [1, "é"]}}
            if isinstance(item, dict)
            else item
            for item in value
        ]
    if isinstance(value, dict):
        return {key: with_new_field(item) for key, item in value.items()}
    return json.loads(json.dumps(value))
