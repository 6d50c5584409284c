"""Who resembles a segment's members."""

from __future__ import annotations

import numpy as np
import pytest

from models_ml.actions import lookalikes
from tests.models_ml.actions.house import AS_OF, House
from workspace.definitions.actions import LookAlikes


def test_the_nearest_by_mean_distance_come_first() -> None:
    rng = np.random.default_rng(1)
    members, others = rng.normal(size=(30, 4)), rng.normal(size=(50, 4))
    mean, nearest = lookalikes.distances(members, others, 3)
    for n, other in enumerate(others):
        every = np.sort(np.linalg.norm(members - other, axis=1))
        assert mean[n] == pytest.approx(every[:3].mean())
        assert np.linalg.norm(members[nearest[n]] - other) == pytest.approx(every[0])
    alone, _ = lookalikes.distances(members[:2], others, 5)  # fewer members than neighbours
    assert np.isfinite(alone).all()


@pytest.fixture
def house() -> House:
    found = House()
    for n in range(60):
        clicks, vertical = float(n % 20), "public" if n >= 50 else "medical"
        found.add(
            "marts.contact_feature_snapshots",
            {
                **{"contact_id": f"c{n:02}", "vertical": vertical, "role": "surgeon"},
                **{"snapshot_at": AS_OF, "clicks": clicks, "visits": 0.0},
            },
        )
    keen = [{"segment": "keen", "member_type": "contact", "member_id": f"c{n}"} for n in (18, 19)]
    found.add("intermediate.int_segment_members", *keen)
    return found


def test_members_and_other_verticals_are_not_found(house: House) -> None:
    wanted = {"keen": LookAlikes(most=3, neighbours=1), "nobody": LookAlikes()}
    rows = lookalikes.found(house.connection, wanted, AS_OF).to_pylist()
    # c38 and c39 are just as keen, c17 and c37 are next: the smaller id is first.
    assert [row["contact_id"] for row in rows] == ["c38", "c39", "c17"]
    assert [row["similarity_rank"] for row in rows] == [1, 2, 3]
    assert rows[0]["nearest_member_id"] == "c18" and rows[0]["distance"] == 0
    assert {row["seed_members"] for row in rows} == {2}


def test_who_has_no_features_neither_seeds_nor_is_found(house: House) -> None:
    house.connection.execute(
        "delete from marts.contact_feature_snapshots where contact_id in ('c19', 'c38')"
    )
    found = lookalikes.found(house.connection, {"keen": LookAlikes()}, AS_OF).to_pylist()
    assert "c38" not in {row["contact_id"] for row in found}
    assert {row["seed_members"] for row in found} == {1}
    assert lookalikes.found(house.connection, {}, AS_OF).num_rows == 0
