"""The published copy of the audit chain: whole, cut at any time, and refused where it is not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from tests.workspace.test_audit import NOW, TABLE, entry, unlock
from workspace.lake import Lake
from workspace.ledger import Ledger, anchors, audit, open_ledger


@pytest.fixture
def exported(tmp_path: Path) -> list[dict[str, Any]]:
    """Entries of a ledger that lost its last two to a backup and went on."""
    ledger, lake = open_ledger("sqlite://"), Lake(tmp_path / "lake")
    for number in (0, 4, 2, 3):
        audit.record(ledger, entry(number))
    anchors.export(ledger, lake)
    _go_back(ledger, 2)
    audit.record(ledger, entry(9))
    anchors.export(ledger, lake)
    ledger.close()
    rows: list[dict[str, Any]] = lake.read(anchors.STREAM).to_pylist()
    return rows


def _go_back(ledger: Ledger, to: int) -> None:
    unlock(ledger)
    with ledger.writing() as connection:
        connection.execute(TABLE.delete().where(TABLE.c.position > to))


def build(folder: Path, target: Path, rows: list[dict[str, Any]]) -> Lakehouse:
    house = Lakehouse(folder, target).fill(as_of=worlds.AS_OF, audit_chain=rows)
    return house.build("+audit_logs", tests="cautious")


def test_what_a_restored_ledger_lost_stands_beside_what_came_instead(
    tmp_path: Path, target: Path, exported: list[dict[str, Any]]
) -> None:
    house = build(tmp_path, target, exported)
    found = house.rows(
        "select position, is_lost, object_kind from marts.audit_logs order by is_lost, position"
    )
    assert found == [
        *((n, False, "campaign") for n in (1, 2, 3)),
        *((n, True, "campaign") for n in (3, 4)),
    ]
    assert house.rows(house.statement("every_audit_entry_follows_the_one_before")) == []


def test_a_run_of_a_past_day_sees_the_beginning(exported: list[dict[str, Any]]) -> None:
    """Clocks that went back leave no gap, whenever one looks."""
    first = [row for row in exported if row["sequence"] == 1]
    sizes = set()
    for second in range(-1, 6):
        seen = [r["position"] for r in first if r["known_at"] <= NOW + timedelta(seconds=second)]
        assert seen == list(range(1, len(seen) + 1))
        sizes.add(len(seen))
    assert sizes == {0, 1, 4}


@pytest.mark.parametrize("deed", ["taken out", "changed"])
def test_a_broken_copy_fails(
    tmp_path: Path, target: Path, exported: list[dict[str, Any]], deed: str
) -> None:
    if deed == "taken out":
        rows = [row for row in exported if row["position"] != 2]
    else:
        rows = [{**r, "digest": "0" * 64} if r["position"] == 2 else r for r in exported]
    with pytest.raises(AssertionError, match="every_audit_entry_follows_the_one_before"):
        build(tmp_path, target, rows)
