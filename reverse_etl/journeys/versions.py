"""Versions of journeys: stored by the run that first uses them, and which are in use."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from reverse_etl.journeys.plan import Version
from workspace.clock import iso
from workspace.definitions.journey_nodes import kind_of, way_of
from workspace.definitions.journey_triggers import TRIGGER_KINDS
from workspace.definitions.journeys import Journey, Journeys
from workspace.definitions.reading import DefinitionError
from workspace.lake import Lake
from workspace.streams import STREAMS

STREAM = "journey_versions"
ACTIVE, RETIRED = "active", "retired"


class NoSuchVersion(LookupError):
    """A journey or version that never ran; the message says which ones did."""


def store(journeys: Journeys, lake: Lake, as_of: datetime, folder: Path) -> list[str]:
    """Commit the versions that files bring in force; the keys of the journeys that changed.

    A journey whose file is gone is retired: it takes nobody in, and those in it finish. Raises
    :class:`DefinitionError` for a file that changed without a new number.
    """
    known = _known(lake, as_of)
    faults = list(faults_of(journeys, lake, as_of, folder))
    if faults:
        raise DefinitionError(faults)
    rows = []
    for key, journey in journeys.journeys.items():
        before = known.get(key, [])
        newest = max((row["version"] for row in before), default=0)
        is_retired = bool(before) and before[-1]["status"] == RETIRED
        if journey.version > newest or is_retired:
            rows.append(_row(key, journey, ACTIVE, "file"))
    for key, before in known.items():
        if key not in journeys.journeys and before[-1]["status"] == ACTIVE:
            rows.append({**before[-1], "status": RETIRED, "reason": "file"})
    _commit(lake, rows, as_of)
    return [row["journey"] for row in rows]


def faults_of(journeys: Journeys, lake: Lake, as_of: datetime, folder: Path) -> Iterable[str]:
    """Files that say something else than the version that ran under their number."""
    known = _known(lake, as_of)
    for key, journey in journeys.journeys.items():
        path = folder / "journeys" / f"{key}.yml"
        place = f"{path}:{_line_of_version(path)}: version"
        before = {row["version"]: row["definition_hash"] for row in known.get(key, [])}
        newest = max(before, default=0)
        if journey.version < newest:
            yield (
                f"{place}: version {newest} ran already; to go back use: "
                f"marketing journeys rollback {key} --to {journey.version}"
            )
        elif before.get(journey.version, journey.hash) != journey.hash:
            yield (
                f"{place}: version {journey.version} ran with another content; give this one the "
                f"number {newest + 1}"
            )


def _line_of_version(path: Path) -> int:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((n for n, line in enumerate(lines, 1) if line.startswith("version:")), 1)


def rollback(lake: Lake, key: str, number: int, now: datetime) -> None:
    """Bring an earlier version in force again, until a file has a higher number than any that ran.

    Raises :class:`NoSuchVersion`.
    """
    rows = _known(lake, now).get(key, [])
    if not rows:
        raise NoSuchVersion(f"no journey {key!r} ever ran")
    found = [row for row in rows if row["version"] == number]
    if not found:
        numbers = ", ".join(str(n) for n in sorted({row["version"] for row in rows}))
        raise NoSuchVersion(f"{key} has no version {number}; it ran as {numbers}")
    _commit(lake, [{**found[-1], "status": ACTIVE, "reason": "rollback"}], now)


def history(lake: Lake, as_of: datetime) -> list[dict[str, Any]]:
    """Every change of what was in force, oldest first."""
    return [row for rows in _known(lake, as_of).values() for row in rows]


def in_use(lake: Lake, as_of: datetime, pinned: Iterable[tuple[str, int]]) -> list[Version]:
    """The versions that take people in, and those that somebody is in (``pinned``)."""
    held = set(pinned)
    found = []
    for key, rows in sorted(_known(lake, as_of).items()):
        journeys = {row["version"]: Journey.model_validate_json(row["definition"]) for row in rows}
        last = rows[-1]
        newest = journeys[last["version"]]
        since = min(row["known_at"] for row in rows)
        is_active = last["status"] == ACTIVE
        open_ = {newest.version} if is_active else set()
        if is_active and newest.beside is not None and newest.beside.version in journeys:
            open_.add(newest.beside.version)
        wanted = open_ | {number for journey, number in held if journey == key}
        if wanted - {newest.version}:
            wanted.add(newest.version)  # where an edit may move people to
        found += [
            Version(key, journeys[number], since, number in open_, newest)
            for number in sorted(wanted)
            if number in journeys
        ]
    return found


def nodes(lake: Lake, as_of: datetime) -> pa.Table:
    """The nodes of every version known at ``as_of``, in the order of their files."""
    rows = []
    for key, versions in sorted(_known(lake, as_of).items()):
        for number, text in sorted({v["version"]: v["definition"] for v in versions}.items()):
            journey = Journey.model_validate_json(text)
            trigger = next(name for name in TRIGGER_KINDS if name in journey.plain["trigger"])
            of_version = {"journey": key, "version": number, "trigger_kind": trigger}
            rows.append({**of_version, **_TRIGGER_NODE, "position": 0})
            for position, (name, node) in enumerate(journey.nodes.items(), 1):
                plain = journey.plain["nodes"][name]
                way, subject = way_of(node)
                rows.append(
                    {
                        **of_version,
                        "node": name,
                        "position": position,
                        "kind": kind_of(node),
                        "way": way,
                        "subject": subject,
                        "channel": plain.get("channel"),
                        "definition": json.dumps(plain, sort_keys=True, ensure_ascii=False),
                    }
                )
    return pa.Table.from_pylist(rows, schema=NODES)


_TRIGGER_NODE = {"node": "trigger", "kind": "trigger", "way": "trigger"}
NODES = pa.schema(
    [
        ("journey", pa.string()),
        ("version", pa.int64()),
        ("node", pa.string()),
        ("position", pa.int64()),
        ("kind", pa.string()),
        ("way", pa.string()),
        ("subject", pa.string()),
        ("channel", pa.string()),
        ("trigger_kind", pa.string()),
        ("definition", pa.string()),
    ]
)


def of_files(journeys: Journeys, since: datetime) -> list[Version]:
    """The files as they stand, as if in force since ``since``: for rehearsals."""
    return [Version(key, journey, since) for key, journey in sorted(journeys.journeys.items())]


def _commit(lake: Lake, rows: list[dict[str, Any]], as_of: datetime) -> None:
    if not rows:
        return
    sequence = len(lake.entries(STREAM)) + 1
    table = pa.Table.from_pylist(
        [{**row, "sequence": sequence, "known_at": as_of} for row in rows],
        schema=STREAMS[STREAM].schema,
    )
    lake.commit(STREAM, f"{sequence}:{iso(as_of)}", table)


def _row(key: str, journey: Journey, status: str, reason: str) -> dict[str, Any]:
    return {
        "journey": key,
        "version": journey.version,
        "definition_hash": journey.hash,
        "status": status,
        "reason": reason,
        "definition": journey.text,
    }


def _known(lake: Lake, as_of: datetime) -> dict[str, list[dict[str, Any]]]:
    """Journey -> the rows known at ``as_of``, oldest first."""
    rows = [row for row in lake.read(STREAM).to_pylist() if row["known_at"] <= as_of]
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["sequence"], row["known_at"])):
        found[row["journey"]].append(row)
    return dict(found)
