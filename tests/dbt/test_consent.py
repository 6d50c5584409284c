"""Consent: the SQL's fold against the slow one, and what must hold of every state."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from tests.dbt import consent_histories as histories
from tests.dbt.lakehouse import Lakehouse

MARTS = ("+consent_conflicts", "+consent_records", "+unsubscribes")
TESTED = tuple(f"path:models/{floor}/privacy" for floor in ("staging", "intermediate", "marts"))


@pytest.fixture(scope="module")
def world() -> histories.World:
    return histories.make(1_000, seed=15)


def build(folder: Path, target: Path, as_of: datetime, lake: dict) -> Lakehouse:
    """The privacy marts with what they read, and their own tests."""
    house = Lakehouse(folder, target).fill(as_of=as_of, **lake)
    house.dbt("run", "--select", *MARTS)
    house.dbt("test", "--select", *TESTED, "--exclude-resource-type", "unit_test")
    return house


@pytest.fixture(scope="module", params=[histories.AS_OF, histories.EARLIER], ids=str)
def as_of(request: pytest.FixtureRequest) -> datetime:
    return request.param


@pytest.fixture(scope="module")
def house(
    world: histories.World,
    as_of: datetime,
    tmp_path_factory: pytest.TempPathFactory,
    target: Path,
) -> Lakehouse:
    return build(tmp_path_factory.mktemp("consent"), target, as_of, world.lake(as_of))


def test_a_thousand_histories_end_as_the_definition_says(
    house: Lakehouse, world: histories.World, as_of: datetime
) -> None:
    rows = house.rows("select subject_id, purpose, channel, brand, state from marts.consent_states")
    found = {tuple(row[:4]): row[4] for row in rows}
    wanted = histories.expected(world, as_of)
    wrong = {
        key: (wanted.get(key), found.get(key))
        for key in wanted.keys() | found.keys()
        if wanted.get(key) != found.get(key)
    }
    assert not wrong, dict(list(wrong.items())[:5])
    # The histories are worth the trouble only if everything occurs, and often.
    counts = Counter(wanted.values())
    for state in ("granted", "pending", "unproven", "expired", "suppressed", "withdrawn"):
        assert counts[state] > 20, counts
    assert counts["objection"] > 20 and counts["unknown"] > 5, counts
