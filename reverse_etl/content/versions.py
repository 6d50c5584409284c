"""Versions of templates and assets: each is stored by the run that first uses it.

A stored version holds its parts as they were compiled, so that a message can be rendered again,
byte by byte, after its files have changed.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from reverse_etl.content import sms
from reverse_etl.content.assets import Asset
from reverse_etl.content.library import Entry
from reverse_etl.content.markup import TAG
from reverse_etl.content.parts import Part
from workspace.clock import iso
from workspace.definitions.templates import Template
from workspace.lake import Lake
from workspace.streams import STREAMS

TEMPLATES = "template_versions"
ASSETS = "assets"
_STATE = ["template", "channel", "language", "status", "file_hash", "sequence", "known_at"]


def store(entries: Iterable[Entry], lake: Lake, as_of: datetime) -> list[str]:
    """Commit templates that changed since the versions in force at ``as_of``; their keys.

    A change of any part stores all of a template's parts anew. A template whose folder is gone is
    retired. Repeating it adds nothing.
    """
    given = {entry.key: rows_of(entry) for entry in entries}
    before = _in_force(lake, as_of)
    rows: list[dict[str, Any]] = []
    for key, its in given.items():
        if {row["file_hash"] for row in its} != {row["file_hash"] for row in before.get(key, ())}:
            rows += its
    gone = {
        key
        for key, its in before.items()
        if key not in given and any(row["status"] != "retired" for row in its)
    }
    if gone:
        rows += _retired(lake, as_of, gone)
    if rows:
        sequence = len(lake.entries(TEMPLATES)) + 1
        _commit(lake, TEMPLATES, rows, sequence, as_of)
    return sorted({row["template"] for row in rows})


def store_assets(assets: Mapping[str, Asset], lake: Lake, as_of: datetime) -> list[str]:
    """Commit assets that changed since ``as_of``; their names. Repeating it adds nothing."""
    before = {row["asset"]: row for row in _versions(lake, ASSETS, as_of)}
    rows = []
    for name, asset in assets.items():
        known = before.get(name)
        if (
            known is None
            or known["status"] != "active"
            or known["content_hash"] != asset.content_hash
        ):
            rows.append(
                {
                    "asset": name,
                    "content_hash": asset.content_hash,
                    "status": "active",
                    "media_type": asset.media_type,
                    "size_bytes": asset.size_bytes,
                    "width_px": asset.width_px,
                    "height_px": asset.height_px,
                    "published_name": asset.published_name,
                }
            )
    for name, known in before.items():
        if name not in assets and known["status"] == "active":
            rows.append({**known, "status": "retired"})
    if rows:
        _commit(lake, ASSETS, rows, len(lake.entries(ASSETS)) + 1, as_of)
    return [row["asset"] for row in rows]


def stored_entry(lake: Lake, template: str, version: str) -> Entry | None:
    """A stored version, ready for a `Library`; None where no such version was ever stored.

    It renders as it did then, whatever became of its files, and whether it was approved or not:
    that is for whoever asks.
    """
    rows = [
        row
        for row in lake.read(TEMPLATES).to_pylist()
        if (row["template"], row["template_version"]) == (template, version)
    ]
    if not rows:
        return None
    parts = {(row["channel"], row["language"]): Part.of(json.loads(row["part"])) for row in rows}
    head = rows[0]
    definition = Template.model_validate(
        {
            "name": head["template_name"],
            "vertical": head["vertical"],
            "class": head["message_class"],
            "purpose": head["purpose"],
            "channels": sorted({channel for channel, _ in parts}),
            "language": head["default_language"],
            "drafted_by": head["drafted_by"],
        }
    )
    return Entry(template, definition, version, parts)


def rows_of(entry: Entry) -> list[dict[str, Any]]:
    """A template as rows of the stream, one a part; without clock and sequence."""
    template = entry.template
    rows = []
    for (channel, language), part in sorted(entry.parts.items()):
        pieces = {name: source for name, (source, _) in part.pieces.items()}
        sources: dict[bool, set[str]] = {True: set(), False: set()}
        for need in part.needs:
            if not need.is_constant:
                sources[need.is_required].add(need.source)
        row = {
            "template": entry.key,
            "template_version": entry.version,
            "channel": channel,
            "language": language,
            "status": "active" if template.approved else "draft",
            "template_name": template.name,
            "description": template.description or None,
            "vertical": template.vertical,
            "message_class": template.class_,
            "purpose": template.purpose,
            "default_language": template.language,
            "drafted_by": template.drafted_by,
            "subject": pieces.get("subject", pieces.get("title")),
            "preheader": pieces.get("preheader"),
            "html": pieces.get("html"),
            "text": pieces.get("text", pieces.get("body")),
            "link": pieces.get("link"),
            "required_sources": ",".join(sorted(sources[True])),
            "optional_sources": ",".join(sorted(sources[False])),
            "least_segments": (
                sms.size(sms.plain(TAG.sub("", pieces["text"]))).segments
                if channel == "sms"
                else None
            ),
            "part": json.dumps(part.plain, sort_keys=True, ensure_ascii=False),
        }
        text = json.dumps(row, sort_keys=True, ensure_ascii=False)
        rows.append({**row, "file_hash": hashlib.sha256(text.encode()).hexdigest()[:32]})
    return rows


def _retired(lake: Lake, as_of: datetime, gone: set[str]) -> list[dict[str, Any]]:
    last: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _versions(lake, TEMPLATES, as_of):
        its = last[row["template"]]
        if its and its[0]["sequence"] != row["sequence"]:
            its.clear()
        its.append(row)
    return [{**row, "status": "retired"} for key in sorted(gone) for row in last[key]]


def _in_force(lake: Lake, as_of: datetime) -> dict[str, list[dict[str, Any]]]:
    """Template -> the rows of its last version."""
    last: dict[str, list[dict[str, Any]]] = {}
    for row in _versions(lake, TEMPLATES, as_of, _STATE):
        its = last.setdefault(row["template"], [])
        if its and its[0]["sequence"] != row["sequence"]:
            its.clear()
        # A retired version equals none that has files.
        its.append(row if row["status"] != "retired" else {**row, "file_hash": ""})
    return last


def _versions(
    lake: Lake, stream: str, as_of: datetime, columns: list[str] | None = None
) -> list[dict[str, Any]]:
    """Every row known at ``as_of``, oldest first."""
    rows = [row for row in lake.read(stream, columns).to_pylist() if row["known_at"] <= as_of]
    return sorted(rows, key=lambda row: (row["known_at"], row["sequence"]))


def _commit(
    lake: Lake, stream: str, rows: list[dict[str, Any]], sequence: int, as_of: datetime
) -> None:
    table = pa.Table.from_pylist(
        [{**row, "sequence": sequence, "known_at": as_of} for row in rows],
        schema=STREAMS[stream].schema,
    )
    lake.commit(stream, f"{sequence}:{iso(as_of)}", table)
