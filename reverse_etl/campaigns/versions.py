"""Versions of campaigns: each is stored by the run that first uses it, and numbered by it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

import pyarrow as pa

from workspace.clock import iso
from workspace.definitions.campaigns import Campaign, Campaigns
from workspace.lake import Lake
from workspace.streams import STREAMS

STREAM = "campaign_versions"
ACTIVE, RETIRED = "active", "retired"


@dataclass(frozen=True)
class Version:
    """One version of a campaign; ``since`` is when its schedule came in force: with an earlier
    version, where those between are active and have the same."""

    key: str
    number: int
    campaign: Campaign
    since: datetime


def store(campaigns: Campaigns, lake: Lake, as_of: datetime) -> list[str]:
    """Commit what changed since the versions in force at ``as_of``; the changed campaigns' keys.

    A campaign whose file is gone is retired: it launches nothing more. Repeating it adds nothing.
    """
    known = _known(lake, as_of)
    rows = []
    for key, campaign in campaigns.campaigns.items():
        before = known.get(key, [])
        last = before[-1] if before else None
        if last is None or last["status"] != ACTIVE or last["definition"] != campaign.text:
            number = max((row["version"] for row in before), default=0) + 1
            rows.append(
                {
                    "campaign": key,
                    "version": number,
                    "definition_hash": campaign.hash,
                    "status": ACTIVE,
                    "definition": campaign.text,
                }
            )
    for key, before in known.items():
        if key not in campaigns.campaigns and before[-1]["status"] == ACTIVE:
            rows.append({**before[-1], "status": RETIRED})
    if rows:
        sequence = len(lake.entries(STREAM)) + 1
        table = pa.Table.from_pylist(
            [{**row, "sequence": sequence, "known_at": as_of} for row in rows],
            schema=STREAMS[STREAM].schema,
        )
        lake.commit(STREAM, f"{sequence}:{iso(as_of)}", table)
    return [row["campaign"] for row in rows]


def in_force(lake: Lake, as_of: datetime) -> list[Version]:
    """The campaigns that may launch at ``as_of``, by key."""
    return [
        Version(
            key,
            rows[-1]["version"],
            Campaign.model_validate_json(rows[-1]["definition"]),
            _since(rows),
        )
        for key, rows in sorted(_known(lake, as_of).items())
        if rows[-1]["status"] == ACTIVE
    ]


def all_of(lake: Lake, key: str, as_of: datetime) -> list[Campaign]:
    """Every version of a campaign that ever ran, the last first; none where it never did."""
    rows = _known(lake, as_of).get(key, [])
    return [Campaign.model_validate_json(row["definition"]) for row in reversed(rows)]


def of_files(campaigns: Campaigns, lake: Lake, as_of: datetime) -> list[Version]:
    """The files as they stand, as the next run would have them."""
    known = _known(lake, as_of)
    found = []
    for key, campaign in sorted(campaigns.campaigns.items()):
        rows = known.get(key, [])
        is_new = not rows or rows[-1]["definition"] != campaign.text
        number = max((row["version"] for row in rows), default=0) + is_new
        is_same = bool(rows) and _schedule(rows[-1]) == campaign.plain.get("schedule")
        since = _since(rows) if is_same and rows[-1]["status"] == ACTIVE else as_of
        found.append(Version(key, number, campaign, since))
    return found


def hashes(lake: Lake, as_of: datetime) -> dict[tuple[str, int], str]:
    """Campaign and number of each version -> the hash of its definition."""
    return {
        (key, row["version"]): row["definition_hash"]
        for key, rows in _known(lake, as_of).items()
        for row in rows
    }


def _since(rows: Sequence[dict[str, Any]]) -> datetime:
    """When the schedule of the last of these rows, which is active, came in force."""
    schedule = _schedule(rows[-1])
    run = takewhile(
        lambda row: row["status"] == ACTIVE and _schedule(row) == schedule, reversed(rows)
    )
    return min(row["known_at"] for row in run)


def _schedule(row: dict[str, Any]) -> Any:
    return json.loads(row["definition"]).get("schedule")


def _known(lake: Lake, as_of: datetime) -> dict[str, list[dict[str, Any]]]:
    """Campaign -> the rows known at ``as_of``, oldest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    rows = [row for row in lake.read(STREAM).to_pylist() if row["known_at"] <= as_of]
    for row in sorted(rows, key=lambda row: (row["known_at"], row["sequence"])):
        found.setdefault(row["campaign"], []).append(row)
    return found
