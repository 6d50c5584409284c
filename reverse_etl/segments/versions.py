"""Versions of definitions: each is stored by the run that first uses it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from workspace.clock import iso
from workspace.definitions.segments import Segment, Segments, subject_of
from workspace.lake import Lake
from workspace.streams import STREAMS

STREAM = "segment_definitions"


def store(segments: Segments, lake: Lake, as_of: datetime) -> list[str]:
    """Commit what changed since the versions in force at ``as_of``; the changed segments' keys.

    A segment whose file is gone is retired. Repeating it adds nothing.
    """
    before = _latest(lake, as_of)
    rows = []
    for key, segment in segments.segments.items():
        text = json.dumps(segment.plain, sort_keys=True, ensure_ascii=False)
        known = before.get(key)
        if known is None or known["status"] != "active" or known["definition"] != text:
            rows.append(_row(key, segment.hash, "active", text))
    for key, known in before.items():
        if key not in segments.segments and known["status"] == "active":
            rows.append(_row(key, known["definition_hash"], "retired", known["definition"]))
    if rows:
        sequence = len(lake.entries(STREAM)) + 1
        table = pa.Table.from_pylist(
            [{**row, "sequence": sequence, "known_at": as_of} for row in rows],
            schema=STREAMS[STREAM].schema,
        )
        lake.commit(STREAM, f"{sequence}:{iso(as_of)}", table)
    return [row["segment"] for row in rows]


def in_force(lake: Lake, as_of: datetime, otherwise: Segments) -> Segments:
    """The definitions in force at ``as_of``; the given ones for a time before any was stored."""
    latest = _latest(lake, as_of)
    if not latest:
        return otherwise
    return Segments(
        segments={
            key: Segment.model_validate_json(row["definition"])
            for key, row in sorted(latest.items())
            if row["status"] == "active"
        }
    )


def conditions(lake: Lake, as_of: datetime) -> pa.Table:
    """The leaf conditions of every version known at ``as_of``, in the order of their files."""
    rows = []
    seen = set()
    for version in _versions(lake, as_of):
        key = (version["segment"], version["definition_hash"])
        if key in seen or version["status"] != "active":
            continue
        seen.add(key)
        segment = Segment.model_validate_json(version["definition"])
        for position, (at, unit, negated, leaf) in enumerate(segment.leaves(), 1):
            plain = leaf.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            kind = subject_of(plain)
            subject = plain[kind]
            rows.append(
                {
                    "segment": key[0],
                    "definition_hash": key[1],
                    "position": position,
                    "path": "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in at)[1:],
                    "unit": unit,
                    "kind": kind,
                    "subject": subject if isinstance(subject, str) else json.dumps(subject),
                    "is_negated": negated,
                    "condition": json.dumps(plain, sort_keys=True, ensure_ascii=False),
                }
            )
    return pa.Table.from_pylist(rows, schema=CONDITIONS)


CONDITIONS = pa.schema(
    [
        ("segment", pa.string()),
        ("definition_hash", pa.string()),
        ("position", pa.int64()),
        ("path", pa.string()),
        ("unit", pa.string()),
        ("kind", pa.string()),
        ("subject", pa.string()),
        ("is_negated", pa.bool_()),
        ("condition", pa.string()),
    ]
)


def _row(key: str, digest: str, status: str, text: str) -> dict[str, Any]:
    return {"segment": key, "definition_hash": digest, "status": status, "definition": text}


def _latest(lake: Lake, as_of: datetime) -> Mapping[str, dict[str, Any]]:
    return {row["segment"]: row for row in _versions(lake, as_of)}


def _versions(lake: Lake, as_of: datetime) -> list[dict[str, Any]]:
    """Every version known at ``as_of``, oldest first."""
    rows = [row for row in lake.read(STREAM).to_pylist() if row["known_at"] <= as_of]
    return sorted(rows, key=lambda row: (row["known_at"], row["sequence"], row["segment"]))
