"""Experiments that journeys are without a file: versions side by side, and splits that name one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.experiments.assigning import IDENTITIES, automatic, shares_text
from reverse_etl.journeys import versions
from workspace.definitions.journey_nodes import Split
from workspace.definitions.journeys import Journey
from workspace.lake import Lake

_TEXT, _INT, _TIME = pa.string(), pa.int64(), pa.timestamp("us")
_VERSIONS = pa.schema(
    {
        "journey": _TEXT,
        "newest": _INT,
        "earlier": _INT,
        "salt": _TEXT,
        "shares": _TEXT,
        "from_at": _TIME,
        "until_at": _TIME,
    }
)
_SPLITS = pa.schema(
    {
        "journey": _TEXT,
        "version": _INT,
        "node": _TEXT,
        "experiment": _TEXT,
        "salt": _TEXT,
        "shares": _TEXT,
    }
)


def remember(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    as_of: datetime,
    identities: str = IDENTITIES,
) -> int:
    """Store who came into which of two versions, or which branch of a split; how many are new.

    ``journey_log`` must stand. The key of versions is ``journey:KEY:versions`` and a variant the
    version's number; another pair of versions, or another share, is measured by itself.
    """
    history = versions.history(lake, as_of)
    for name, rows, schema in (
        ("given_versions", _beside(history), _VERSIONS),
        ("given_splits", _splits(history), _SPLITS),
    ):
        connection.register(name, pa.Table.from_pylist(list(rows), schema=schema))
    connection.execute(
        """
        create or replace temp table journey_assignments as
        select concat('journey:', log.journey, ':versions') as experiment, given.salt,
            log.contact_id, cast(log.version as varchar) as variant, given.shares,
            log.known_at as assigned_at
        from journey_log as log
        inner join given_versions as given
            on log.journey = given.journey
            and (log.version = given.newest or log.version = given.earlier)
            and log.known_at >= given.from_at and log.known_at < given.until_at
        where log.step_number = 1 and log.kind != 'watch'
        union all
        select given.experiment, given.salt, log.contact_id, log.outcome, given.shares,
            log.known_at
        from journey_log as log
        inner join given_splits as given
            on log.journey = given.journey and log.version = given.version
            and log.node = given.node
        where log.kind = 'split'
        """
    )
    for name in ("given_versions", "given_splits"):
        connection.unregister(name)
    return automatic(connection, lake, "journey_assignments", as_of, identities)


def _beside(history: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """When which two versions of a journey took people in together."""
    changes: dict[str, list[dict[str, Any]]] = {}
    for row in history:
        changes.setdefault(row["journey"], []).append(row)
    for key, rows in changes.items():
        ends = [after["known_at"] for _, after in pairwise(rows)] + [datetime.max]
        for row, until_at in zip(rows, ends, strict=True):
            journey = Journey.model_validate_json(row["definition"])
            if journey.beside is None or row["status"] != versions.ACTIVE:
                continue
            earlier, share = journey.beside.version, journey.beside.share
            shares = shares_text({str(earlier): share, str(journey.version): 100 - share})
            yield {
                "journey": key,
                "newest": journey.version,
                "earlier": earlier,
                "salt": f"{journey.version}:{shares}",
                "shares": shares,
                "from_at": row["known_at"],
                "until_at": until_at,
            }


def _splits(history: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The splits of every version that name an experiment."""
    seen: set[tuple[str, int]] = set()
    for row in history:
        version = (row["journey"], row["version"])
        if version in seen:
            continue
        seen.add(version)
        for name, node in Journey.model_validate_json(row["definition"]).nodes.items():
            if isinstance(node, Split) and node.experiment is not None:
                shares = {branch: part.share for branch, part in node.split.items()}
                yield {
                    "journey": version[0],
                    "version": version[1],
                    "node": name,
                    "experiment": node.experiment,
                    "salt": f"{version[0]}:{name}:{shares_text(shares)}",
                    "shares": shares_text(shares),
                }
