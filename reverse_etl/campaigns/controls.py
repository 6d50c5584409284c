"""Each campaign is an experiment of its own: whoever it keeps back tells what it adds.

Its key is ``campaign:KEY``, its variants are ``sent`` and ``holdout``. Who is kept back follows
from a hash, and stays so when the share changes; a share of 0 ends the hold-out, for those too who
were kept back before.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import duckdb
import pyarrow as pa

from reverse_etl.campaigns import versions
from reverse_etl.campaigns.versions import Version
from reverse_etl.experiments.assigning import IDENTITIES, known_sql
from workspace.buckets import BUCKETS, bucket_sql
from workspace.definitions.experiments import HOLDOUT
from workspace.lake import Lake

PREFIX = "campaign:"
SENT = "sent"

_GIVEN = pa.schema(
    [
        ("experiment", pa.string()),
        ("source_kind", pa.string()),
        ("source_key", pa.string()),
        ("held_out", pa.int64()),
    ]
)


def mark(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    table: str,
    as_of: datetime,
    campaigns: Iterable[Version] | None = None,
    identities: str = IDENTITIES,
) -> None:
    """Put experiment and variant into a table of intended messages of campaigns, and of journeys
    that are one. ``campaigns`` are those in force, unless others are given. Nothing is stored.
    """
    given = versions.in_force(lake, as_of) if campaigns is None else campaigns
    rows = [
        {
            "experiment": f"{PREFIX}{version.key}",
            "source_kind": "journey" if version.campaign.journey else "campaign",
            "source_key": version.campaign.journey or version.key,
            "held_out": round(version.campaign.holdout * BUCKETS),
        }
        for version in given
    ]
    connection.register("given_controls", pa.Table.from_pylist(rows, schema=_GIVEN))
    connection.execute(
        f"""
        create or replace temp table campaign_controls as
        with people as (
            select identifier_key, contact_id from {identities} where contact_id is not null
        ),
        known as ({known_sql(lake, identities)}),
        asked as (
            select distinct rows.source_kind, rows.source_key, rows.contact_id,
                coalesce(people.contact_id, rows.contact_id) as person,
                given.experiment, given.held_out
            from {table} as rows
            inner join given_controls as given
                on rows.source_kind = given.source_kind and rows.source_key = given.source_key
            left join people on rows.contact_id = people.identifier_key
        )
        select asked.source_kind, asked.source_key, asked.contact_id, asked.experiment,
            case
                when asked.held_out = 0 then '{SENT}'
                when known.variant is not null then known.variant
                when {bucket_sql("asked.experiment", "asked.person")} < asked.held_out
                    then '{HOLDOUT}'
                else '{SENT}'
            end as variant
        from asked
        left join known
            on asked.experiment = known.experiment and asked.person = known.contact_id
        """
    )
    connection.unregister("given_controls")
    connection.execute(
        f"""
        update {table} as rows
        set experiment = controls.experiment, variant = controls.variant
        from campaign_controls as controls
        where rows.source_kind = controls.source_kind and rows.source_key = controls.source_key
            and rows.contact_id = controls.contact_id
        """
    )
