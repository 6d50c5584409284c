"""The launch of what is due: the audience as it is at this moment becomes intended messages.

All occurrences of a run are launched in one statement and one commit. An occurrence is launched
once; a launch that broke off between the messages and the record of it is recorded by the next run,
before anything else is judged, without taking the audience again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.campaigns import calendar, controls, versions
from reverse_etl.campaigns.approving import definition_of
from reverse_etl.campaigns.calendar import Ended, Occurrence
from reverse_etl.campaigns.versions import Version
from reverse_etl.experiments import assigning
from workspace.clock import iso
from workspace.definitions.caps import Caps
from workspace.definitions.experiments import Experiments
from workspace.definitions.times import given_text
from workspace.lake import Lake
from workspace.streams import STREAMS

STREAM = "campaign_launches"
INTENTS = "message_intents"
#: The only step a campaign of its own has.
STEP = "send"
LAUNCHED, MISSED = "launched", "missed"

_DUE = pa.schema(
    [
        ("campaign", pa.string()),
        ("occurrence", pa.string()),
        ("version", pa.string()),
        ("vertical", pa.string()),
        ("channel", pa.string()),
        ("template", pa.string()),
        ("purpose", pa.string()),
        ("message_class", pa.string()),
        ("priority", pa.int64()),
        ("expected_value", pa.float64()),
        ("keeps_seconds", pa.int64()),
        ("on_capped", pa.string()),
        ("send_time", pa.string()),
        ("approval", pa.string()),
        ("given", pa.string()),
    ]
)
_MOMENTS = pa.schema(
    [
        ("campaign", pa.string()),
        ("occurrence", pa.string()),
        ("time_zone", pa.string()),
        ("moment", pa.timestamp("us")),
    ]
)
_SEGMENTS = pa.schema(
    [
        ("campaign", pa.string()),
        ("occurrence", pa.string()),
        ("segment", pa.string()),
        ("is_in", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Launched:
    """What a run launched, with the contacts of each, what it missed, and what waits because a
    segment of its audience is stale."""

    launched: dict[tuple[str, str], int]
    missed: dict[tuple[str, str], str]
    waiting: list[tuple[str, str]]


def launch(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    caps: Caps,
    experiments: Experiments,
    as_of: datetime,
    time_zone: str,
    snapshot_id: str,
    only: Collection[str] = (),
) -> Launched:
    """Launch what is due at ``as_of``. ``connection`` sees the schema ``marts``.

    Who gets which variant is stored before the messages are. Where some campaigns are named,
    ``only`` these are judged: the others stay due. Raises ValueError for one that is not in force.
    """
    done = known(lake, as_of)
    begun = _begun(connection, lake, done, as_of, snapshot_id)
    for row in begun:
        done.setdefault(row["campaign"], {})[row["occurrence"]] = Ended(row["planned_at"], True)
    in_force = versions.in_force(lake, as_of)
    found = calendar.due(_chosen(in_force, only), done, caps, time_zone, as_of)
    stale = unfit(connection, found)
    waiting = [one for one in found if not one.missed and _key(one) in stale]
    ready = [one for one in found if not one.missed and _key(one) not in stale]
    table = audience(connection, ready, caps)
    controls.mark(connection, lake, table, as_of, in_force)
    assigning.expose(connection, lake, experiments, caps, table, as_of)
    intents = connection.execute(
        f"select *, cast($1 as timestamp) as known_at from {table} order by intent_id", [as_of]
    ).to_arrow_table()
    if intents.num_rows:
        batch = f"campaigns:{len(lake.entries(INTENTS)) + 1}:{iso(as_of)}"
        schema = STREAMS[INTENTS].schema
        lake.commit(INTENTS, batch, intents.select(schema.names).cast(schema))
    counted = connection.execute(
        f"select source_key, occurrence, count(*) from {table} group by all"
    ).fetchall()
    counts = {(key, occurrence): count for key, occurrence, count in counted}
    contacts = {_key(one): counts.get(_key(one), 0) for one in ready}
    ended = [one for one in found if one not in waiting]
    rows = [_launch(one, contacts.get(_key(one), 0), as_of, snapshot_id) for one in ended]
    _record(lake, begun + rows, as_of)
    return Launched(
        {(row["campaign"], row["occurrence"]): row["contacts"] for row in begun} | contacts,
        {_key(one): one.missed for one in found if one.missed},
        [_key(one) for one in waiting],
    )


def _chosen(in_force: Sequence[Version], only: Collection[str]) -> list[Version]:
    if unknown := set(only) - {one.key for one in in_force}:
        keys = ", ".join(sorted(one.key for one in in_force)) or "none"
        raise ValueError(f"no campaign {min(unknown)!r} is in force; there are: {keys}")
    return [one for one in in_force if not only or one.key in only]


def known(lake: Lake, as_of: datetime) -> dict[str, dict[str, Ended]]:
    """Campaign -> its occurrences that are done with. What was launched once counts as launched."""
    found: dict[str, dict[str, Ended]] = {}
    for row in lake.read(STREAM).to_pylist():
        if row["known_at"] <= as_of:
            done = found.setdefault(row["campaign"], {})
            before = done.get(row["occurrence"])
            if before is None or not before.is_launched:
                done[row["occurrence"]] = Ended(row["planned_at"], row["status"] == LAUNCHED)
    return found


def audience(
    connection: duckdb.DuckDBPyConnection, occurrences: Sequence[Occurrence], caps: Caps
) -> str:
    """Make the table of intended messages of these occurrences, and return its name.

    It has the columns of the stream ``message_intents`` but for ``known_at``.
    """
    for name, rows, schema in (
        ("given_due", [_due(one) for one in occurrences], _DUE),
        ("given_moments", [row for one in occurrences for row in _moments(one)], _MOMENTS),
        ("given_segments", [row for one in occurrences for row in _segments(one)], _SEGMENTS),
    ):
        connection.register(name, pa.Table.from_pylist(rows, schema=schema))
    zones = list(caps.time_zones.items())
    connection.register(
        "given_zones",
        pa.table(
            {
                "country": pa.array([country for country, _ in zones], pa.string()),
                "time_zone": pa.array([zone for _, zone in zones], pa.string()),
            }
        ),
    )
    connection.execute(f"create or replace temp table campaign_intents as {_AUDIENCE}")
    for name in ("given_due", "given_moments", "given_segments", "given_zones"):
        connection.unregister(name)
    return "campaign_intents"


_AUDIENCE = f"""
    with members as (
        select s.campaign, s.occurrence, m.contact_id
        from given_segments as s
        inner join marts.segment_memberships as m on s.segment = m.segment
        group by all
        having bool_and(s.is_in)
    ),
    people as (
        select members.*, f.account_id, f.vertical as contact_vertical, z.time_zone
        from members
        left join marts.contact_features as f on members.contact_id = f.contact_id
        left join marts.dim_contacts as c on members.contact_id = c.contact_id
        left join given_zones as z on c.country = z.country
    )
    select
        sha256(concat_ws(
            chr(0), 'campaign', p.campaign, '{STEP}', p.occurrence, d.channel, p.contact_id
        )) as intent_id,
        'campaign' as source_kind,
        p.campaign as source_key,
        d.version as source_version,
        '{STEP}' as step,
        p.occurrence,
        p.contact_id,
        p.account_id,
        coalesce(d.vertical, p.contact_vertical) as vertical,
        d.channel,
        d.template,
        d.purpose,
        d.message_class,
        d.priority,
        d.expected_value,
        coalesce(own.moment, reports.moment) as scheduled_at,
        coalesce(own.moment, reports.moment) + to_seconds(d.keeps_seconds) as not_after,
        d.on_capped,
        d.send_time,
        d.approval,
        cast(null as varchar) as experiment,
        cast(null as varchar) as variant,
        cast(null as varchar) as occasion,
        d.given
    from people as p
    inner join given_due as d on p.campaign = d.campaign and p.occurrence = d.occurrence
    left join given_moments as own
        on p.campaign = own.campaign and p.occurrence = own.occurrence
        and p.time_zone = own.time_zone
    left join given_moments as reports
        on p.campaign = reports.campaign and p.occurrence = reports.occurrence
        and reports.time_zone = ''
    where d.vertical is null or p.contact_vertical = d.vertical
"""


def _due(one: Occurrence) -> dict[str, object]:
    campaign = one.version.campaign
    return {
        "campaign": one.version.key,
        "occurrence": one.key,
        "version": str(one.version.number),
        "vertical": campaign.vertical,
        "channel": campaign.channel,
        "template": campaign.template,
        "purpose": campaign.purpose,
        "message_class": campaign.message_class,
        "priority": campaign.priority,
        "expected_value": float(campaign.expected_value),
        "keeps_seconds": campaign.not_after.seconds if campaign.not_after else None,
        "on_capped": campaign.on_capped,
        "send_time": campaign.send_time,
        "approval": definition_of(one.version.key, campaign, one.key),
        "given": given_text(campaign.values),
    }


def _moments(one: Occurrence) -> list[dict[str, object]]:
    return [
        {
            "campaign": one.version.key,
            "occurrence": one.key,
            "time_zone": zone or "",
            "moment": moment,
        }
        for zone, moment in one.moments.items()
    ]


def _segments(one: Occurrence) -> list[dict[str, object]]:
    chosen = one.version.campaign.audience
    assert chosen is not None
    return [
        {"campaign": one.version.key, "occurrence": one.key, "segment": key, "is_in": is_in}
        for keys, is_in in ((chosen.segments, True), (chosen.except_, False))
        for key in dict.fromkeys(keys)
    ]


def _key(one: Occurrence) -> tuple[str, str]:
    return one.version.key, one.key


def _begun(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    done: Mapping[str, calendar.Done],
    as_of: datetime,
    snapshot_id: str,
) -> list[dict[str, Any]]:
    """Launches to record: of occurrences whose messages stand, though no launch does."""
    found = connection.execute(
        f"""
        select source_key, occurrence, any_value(source_version), min(scheduled_at), count(*)
        from ({lake.relation_sql(INTENTS, as_of)}) where source_kind = 'campaign' group by all
        """
    ).fetchall()
    left = [
        row
        for row in sorted(found)
        if not (ended := done.get(row[0], {}).get(row[1])) or not ended.is_launched
    ]
    hashes = versions.hashes(lake, as_of) if left else {}
    return [
        {
            "campaign": key,
            "occurrence": occurrence,
            "version": int(version),
            "definition_hash": hashes[key, int(version)],
            "status": LAUNCHED,
            "reason": None,
            "planned_at": planned_at,
            "contacts": count,
            "snapshot_id": snapshot_id,
            "known_at": as_of,
        }
        for key, occurrence, version, planned_at, count in left
    ]


def unfit(
    connection: duckdb.DuckDBPyConnection, found: Sequence[Occurrence]
) -> set[tuple[str, str]]:
    """Occurrences whose audience rests on a segment that is stale, or was never evaluated."""
    fresh = {
        segment
        for (segment,) in connection.execute(
            "select segment from marts.marketing_segments where is_current and not is_stale"
        ).fetchall()
    }
    return {
        _key(one) for one in found if not {str(row["segment"]) for row in _segments(one)} <= fresh
    }


def _launch(one: Occurrence, contacts: int, as_of: datetime, snapshot_id: str) -> dict[str, Any]:
    return {
        "campaign": one.version.key,
        "occurrence": one.key,
        "version": one.version.number,
        "definition_hash": one.version.campaign.hash,
        "status": MISSED if one.missed else LAUNCHED,
        "reason": one.missed,
        "planned_at": one.first,
        "contacts": contacts,
        "snapshot_id": snapshot_id,
        "known_at": as_of,
    }


def _record(lake: Lake, rows: Sequence[dict[str, Any]], as_of: datetime) -> None:
    if rows:
        batch = f"{len(lake.entries(STREAM)) + 1}:{iso(as_of)}"
        lake.commit(STREAM, batch, pa.Table.from_pylist(rows, schema=STREAMS[STREAM].schema))
