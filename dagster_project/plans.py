"""What the files of `marketing/` as they stand would do: every kind of change, before a run.

The definitions in force are those that the last run recorded. Nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from dagster_project import compiled, what_if
from reverse_etl.campaigns import planning
from reverse_etl.content.library import Library
from reverse_etl.journeys import rehearsal, versions
from reverse_etl.planning import caps, scores
from reverse_etl.planning.settings import Setting, differing
from reverse_etl.segments.questions import Desk, Planned
from workspace.definitions import DefinitionError, Definitions
from workspace.definitions.reading import Row
from workspace.lake import Lake
from workspace.ledger import open_ledger
from workspace.locks import run_lock
from workspace.settings import Settings

SCORING = "scoring"
_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Plan:
    """``scoring`` and ``caps`` are what differs of the files; ``scores`` and ``messages`` what
    that does, where it does anything."""

    segments: list[Planned]
    journeys: list[rehearsal.Change]
    campaigns: list[planning.Change]
    scoring: list[Setting]
    scores: list[scores.Moved]
    caps: list[Setting]
    messages: caps.CapsPlan | None

    @property
    def is_empty(self) -> bool:
        return not (self.segments or self.journeys or self.campaigns or self.scoring or self.caps)

    @property
    def held(self) -> list[str]:
        """Segments whose change would be held until somebody accepts it."""
        return [row.segment for row in self.segments if row.is_held]


def plan(settings: Settings, loaded: Definitions) -> Plan:
    """Compare the files with what is in force.

    Raises :class:`DefinitionError` for a journey that changed without a new number,
    :class:`~reverse_etl.publish.NothingPublished`, :class:`what_if.NoWarehouse`,
    :class:`caps.NotRecorded` and :class:`~workspace.locks.RunInProgress`.
    """
    lake = Lake(settings.paths.lake)
    faults = list(
        versions.faults_of(loaded.journeys_in_use, lake, settings.present(), loaded.folder)
    )
    if faults:
        raise DefinitionError(faults)
    segments = Desk(settings.paths, loaded.fields, loaded.segments).plan(lake)
    zone = loaded.verticals.reporting.time_zone
    stage = rehearsal.Stage(
        settings.paths,
        loaded.fields,
        loaded.segments,
        loaded.journeys_in_use,
        zone,
        loaded.caps.time_zones,
        loaded.consent,
    )
    journeys = stage.plan(lake)
    campaigns = planning.changes(
        loaded.campaigns, loaded.journeys.journeys, lake, loaded.caps, zone, settings.present()
    )
    with (
        run_lock(settings.paths.run_lock, _WAIT_SECONDS, "plan"),
        what_if.opened(settings.paths.warehouse) as connection,
    ):
        scoring, moved = _scores(connection, settings, loaded)
        caps_differ, messages = _messages(connection, settings, loaded, lake)
    return Plan(segments, journeys, campaigns, scoring, moved, caps_differ, messages)


def _scores(
    connection: duckdb.DuckDBPyConnection, settings: Settings, loaded: Definitions
) -> tuple[list[Setting], list[scores.Moved]]:
    rows = list(loaded.scoring.rows())
    known = connection.execute(
        "select collection, key, position, value from lake.parameters where definition = $1 "
        "order by collection, position, key",
        [SCORING],
    ).fetchall()
    before = _tree([Row(c, key, n, json.loads(value)) for c, key, n, value in known])
    after = _tree(
        [Row(row.collection, row.key, row.position, json.loads(row.json)) for row in rows]
    )
    found = list(differing(before, after))
    if not found:
        return [], []
    sql = compiled.compiled(settings.paths, settings.environment)
    then = what_if.recompute(connection, sql, {SCORING: rows}, scores.MARTS)
    limits = before.get("account_score_settings", {})
    engaged_from = loaded.scoring.accounts.engaged_from
    old = float(limits.get("engaged_from", engaged_from))
    return found, scores.compare(connection, then, (old, engaged_from))


def _tree(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.key == row.collection:  # the one row of settings that are no list
            found.setdefault(row.collection, {}).update(row.value)
        else:
            found.setdefault(row.collection, {})[row.key] = {**row.value, "position": row.position}
    return found


def _messages(
    connection: duckdb.DuckDBPyConnection, settings: Settings, loaded: Definitions, lake: Lake
) -> tuple[list[Setting], caps.CapsPlan | None]:
    before, after = caps.in_force(connection), loaded.caps
    found = list(differing(*(c.model_dump(mode="json", by_alias=True) for c in (before, after))))
    if not found:
        return [], None
    row = connection.execute("select as_of from lake.run_context").fetchone()
    assert row is not None
    zone = loaded.verticals.reporting.time_zone
    ledger = open_ledger(settings.ledger_url)
    try:
        with Library.load(loaded.folder) as library:
            return found, caps.plan(connection, ledger, lake, before, after, row[0], zone, library)
    finally:
        ledger.close()
