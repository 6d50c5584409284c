"""Versions side by side, and splits that name one, are experiments without a file."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.experiments import in_journeys
from reverse_etl.experiments.assigning import STREAM
from reverse_etl.journeys import versions
from tests.reverse_etl.experiments.worlds import AS_OF, remembered
from workspace.definitions.journeys import Journey, Journeys
from workspace.lake import Lake
from workspace.streams import STREAMS

VERSIONS = "journey:welcome:versions"


def journey(version: int, **more: Any) -> Journey:
    branches = {"a": {"share": 30, "next": "done"}, "b": {"share": 70, "next": "done"}}
    plain = {
        "name": "Welcome",
        "version": version,
        "trigger": {"manual": True},
        "nodes": {
            "parts": {"split": branches, "experiment": "two_ways"},
            "done": {"exit": "completed"},
        },
    }
    return Journey.model_validate({**plain, **more})


def store(lake: Lake, days: int, one: Journey, folder: Path) -> None:
    at = AS_OF + timedelta(days=days)
    versions.store(Journeys(journeys={"welcome": one}), lake, at, folder)


def log(connection: duckdb.DuckDBPyConnection, rows: list[tuple[str, int, int, str]]) -> None:
    """Who came into which version on which day, and took which branch."""
    found = []
    for contact, version, days, branch in rows:
        at = AS_OF + timedelta(days=days)
        shared = {"journey": "welcome", "version": version, "contact_id": contact, "known_at": at}
        found += [
            {**shared, "step_number": 1, "node": "trigger", "kind": "trigger"},
            {**shared, "step_number": 2, "node": "parts", "kind": "split", "outcome": branch},
            {**shared, "step_number": 1, "node": "trigger", "kind": "watch"},
        ]
    table = pa.Table.from_pylist(found, schema=STREAMS["journey_steps"].schema)
    connection.register("steps", table)
    connection.execute("create or replace temp table journey_log as from steps")
    connection.execute(
        "create or replace temp table identities (identifier_key text, contact_id text)"
    )


def test_versions_are_measured_while_they_stand_beside_each_other(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    store(lake, 0, journey(1), tmp_path)
    store(lake, 2, journey(2, beside={"version": 1, "share": 40}), tmp_path)
    store(lake, 4, journey(3), tmp_path)
    rows = [("alone", 1, 1, "a"), ("old", 1, 2, "a"), ("new", 2, 3, "b"), ("late", 3, 4, "b")]
    with duckdb.connect() as connection:
        log(connection, rows)
        at = AS_OF + timedelta(days=4)
        made = in_journeys.remember(connection, lake, at, "identities")
        assert made == 6
        assert in_journeys.remember(connection, lake, at, "identities") == 0
    assert remembered(lake, VERSIONS) == {"old": "1", "new": "2"}
    assert remembered(lake, "two_ways") == {"alone": "a", "old": "a", "new": "b", "late": "b"}
    found = lake.read(STREAM).to_pylist()
    shares = Counter((row["experiment"], row["shares"]) for row in found)
    assert shares == {
        (VERSIONS, '{"1": 40.0, "2": 60.0}'): 2,
        ("two_ways", '{"a": 30.0, "b": 70.0}'): 4,
    }
    entered = {row["contact_id"]: row["assigned_at"] for row in found}
    assert entered["old"] == AS_OF + timedelta(days=2)


def test_another_share_is_measured_by_itself(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    store(lake, 0, journey(1), tmp_path)
    store(lake, 1, journey(2, beside={"version": 1, "share": 40}), tmp_path)
    store(lake, 3, journey(3, beside={"version": 2, "share": 10}), tmp_path)
    with duckdb.connect() as connection:
        log(connection, [("one", 1, 2, "a"), ("one", 3, 4, "a"), ("two", 2, 5, "b")])
        in_journeys.remember(connection, lake, AS_OF + timedelta(days=5), "identities")
    rows = [row for row in lake.read(STREAM).to_pylist() if row["experiment"] == VERSIONS]
    assert {(r["contact_id"], r["variant"], r["salt"][:2]) for r in rows} == {
        ("one", "1", "2:"),
        ("one", "3", "3:"),
        ("two", "2", "3:"),
    }
