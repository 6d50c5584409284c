"""CRM contacts: one wide row per CRM id, then one line per modification.

A person usually has one CRM id. Some have two or three: most of these are merged at some time
(the survivor gets `hs_merged_object_ids`, the other is archived; chains happen), the rest stay
apart for identity resolution to find. Duplicates never carry lifecycle dates.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.channels import LEAD_SOURCE, PARTNERS
from sandbox.world.crm import before_end, envelope, seen, versions
from sandbox.world.draws import stream
from sandbox.world.plan import CHANNELS
from sandbox.world.planted import crm_extra
from sandbox.world.population import CONTACT_ID
from sandbox.world.writer import CHUNK, Files, escaped, iso_ms, json_object, lines_bytes, quoted

DUPLICATES = 0.012  # of all contacts
MERGED = 0.7  # of the duplicates
CHAINED = 0.1  # of the merged: a duplicate that had swallowed another one before

TIMES = [
    "created",
    "lead_at",
    "mql_at",
    "sql_at",
    "opportunity_at",
    "customer_at",
    "changed_at",
    "optout_at",
    "merged_at",
    "archived_at",
]


def lifecycle(
    seed: int, people: pl.DataFrame, units: pl.DataFrame, deals: pl.DataFrame
) -> pl.DataFrame:
    """People with their CRM times: created, lead_at ... customer_at, changed_at."""
    rng = stream(seed, "lifecycle")
    n = people.height
    opened = (
        deals.filter(pl.col("kind") == "new")
        .select("account", deal_at="s0", signed="s4")
        .unique("account", keep="first", maintain_order=True)
    )
    table = people.join(opened, on="account", how="left").join(
        units.select(
            person="unit",
            lead_at="t0",
            t1="t1",
            t2="t2",
            depth="depth",
            mailed="mailed",
            last_channel="last_channel",
        ),
        on="person",
        how="left",
    )
    is_lead = pl.col("lead_at").is_not_null()
    medical = pl.col("vertical") == "medical"
    draw = pl.Series(rng.random(n))
    early = pl.Series(rng.integers(1, 90, n)) * cal.DAY
    anywhere = pl.Series(rng.integers(cal.START - 60 * cal.DAY, cal.END - cal.DAY, n))
    anywhere = pl.Series(cal.into_slot(rng, anywhere.to_numpy()))
    warm = pl.Series(rng.random(n)) < 0.2
    return table.with_columns(
        created=pl.when(is_lead)
        .then(pl.when(draw < 0.8).then("lead_at").otherwise(pl.col("lead_at") - early))
        .when(pl.col("deal_at").is_not_null())
        .then(pl.min_horizontal(pl.col("deal_at") + early // 3, pl.lit(cal.END - cal.DAY)))
        .when(draw < 0.3)
        .then(pl.lit(cal.START - 20 * cal.DAY))
        .otherwise(anywhere),
        mql_at=pl.when(medical)
        .then("t1")
        .when(is_lead & (pl.col("t1") < cal.NEVER))
        .then((pl.col("lead_at") + pl.col("t1")) // 2)
        .when(is_lead & warm)
        .then(pl.col("lead_at") + 9 * cal.DAY),
        sql_at=pl.when(medical).then("t2").otherwise("t1"),
        opportunity_at=pl.when(is_lead).then("deal_at"),
        customer_at=pl.when(is_lead).then("signed"),
        changed_at=pl.when(pl.Series(rng.random(n)) < 0.06).then(anywhere),
        mailed=pl.col("mailed").fill_null(True),
    ).with_columns(
        *[before_end(c) for c in ("mql_at", "sql_at", "opportunity_at", "customer_at")],
        changed_at=pl.when(pl.col("changed_at") > pl.col("created")).then("changed_at"),
    )


def with_duplicates(seed: int, people: pl.DataFrame, total: int) -> pl.DataFrame:
    """The people plus duplicate CRM ids up to `total` rows, with merge times and ids."""
    rng = stream(seed, "duplicates")
    chains = round((total - people.height) * MERGED * CHAINED)
    extra = total - people.height - chains
    owner = np.sort(rng.choice(people.height, extra, replace=False))
    copies = people[owner]
    ids = (np.arange(extra) + people.height + CONTACT_ID).astype(str)
    late = rng.integers(5, 120, extra) * cal.DAY
    created = np.minimum(copies["created"].to_numpy() + late, cal.END - 3 * cal.DAY)
    gap = rng.integers(1, 200, extra) * cal.DAY + 5 * cal.HOUR
    merged = (rng.random(extra) < MERGED) & (created + gap < cal.END)
    merged_at = np.where(merged, created + gap, cal.NEVER)
    variant = pl.Series(rng.integers(0, 3, extra))
    local = pl.col("email").str.split("@").list.first()
    email = (
        pl.when(variant == 0)
        .then(pl.col("email").str.to_uppercase())
        .when(variant == 1)
        .then(pl.col("email"))
        .otherwise(pl.concat_str(local, pl.lit(".perso@courriel.example")))
    )
    nothing = pl.lit(None, pl.Int64)
    copies = copies.with_columns(
        crm_id=pl.Series(ids),
        email=email,
        user_id=pl.lit(None, pl.String),
        created=pl.Series(created),
        archived_at=pl.Series(merged_at),
        **{c: nothing for c in TIMES[1:7]},
    ).with_columns(archived_at=before_end("archived_at"))
    # The survivor's merged ids; a chained copy points at the copy before it.
    swallowed = copies.filter(pl.col("archived_at").is_not_null()).select(
        "person", merged_id="crm_id", merged_at="archived_at"
    )
    table = people.join(swallowed, on="person", how="left", maintain_order="left")
    table = pl.concat([table, copies], how="diagonal")
    return _chains(table, chains)


def _chains(table: pl.DataFrame, number: int) -> pl.DataFrame:
    """Some merged copies had swallowed a further copy before: chains of two merges."""
    own = np.flatnonzero(table["archived_at"].is_not_null().to_numpy())
    chained = own[:number]
    further = table[chained]
    ids = [str(int(CONTACT_ID + table.height + k)) for k in range(len(chained))]
    first_merge = (further["created"].to_numpy() + further["archived_at"].to_numpy()) // 2
    further = further.with_columns(
        crm_id=pl.Series(ids), archived_at=pl.Series(first_merge), merged_id=pl.lit(None, pl.String)
    )
    marks = pl.DataFrame({"row": chained, "chain_id": ids, "chain_at": first_merge})
    table = (
        table.with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
        .join(marks, on="row", how="left", maintain_order="left")
        .with_columns(
            merged_id=pl.coalesce("chain_id", "merged_id"),
            merged_at=pl.coalesce("chain_at", "merged_at"),
        )
        .drop("row", "chain_id", "chain_at")
    )
    return pl.concat([table, further.select(table.columns)])


def write_contacts(files: Files, name: str, contacts: pl.DataFrame) -> None:
    """Write every modification of every contact; versions are in order within each chunk."""
    rows = [0]

    def chunks() -> Iterator[memoryview | bytes]:
        for start in range(0, contacts.height, CHUNK):
            part = _lines(contacts.slice(start, CHUNK))
            rows[0] += len(part)
            yield lines_bytes(part)
        extra = crm_extra("contacts")
        rows[0] += extra.count(b"\n")
        yield extra

    files.write(name, chunks(), 0)
    files.rows[name] = rows[0]


def _lines(contacts: pl.DataFrame) -> pl.Series:
    table = versions(contacts.with_columns(city=escaped("city")), TIMES).unique(
        ["crm_id", "updated"], keep="first", maintain_order=True
    )
    table = table.sort("updated", "crm_id").with_columns(
        archived=(pl.col("archived_at") <= pl.col("updated")).fill_null(False),
        **{f"{c}_shown": seen(c) for c in TIMES[1:9]},
    )
    stage = (
        pl.when(pl.col("customer_at_shown").is_not_null())
        .then(pl.lit('"customer"'))
        .when(pl.col("opportunity_at_shown").is_not_null())
        .then(pl.lit('"opportunity"'))
        .when(pl.col("sql_at_shown").is_not_null())
        .then(pl.lit('"salesqualifiedlead"'))
        .when(pl.col("mql_at_shown").is_not_null())
        .then(pl.lit('"marketingqualifiedlead"'))
        .when(pl.col("lead_at_shown").is_not_null())
        .then(pl.lit('"lead"'))
        .otherwise(pl.lit('"subscriber"'))
    )
    source = pl.col("last_channel").replace_strict(
        range(len(CHANNELS)), [LEAD_SOURCE[c] for c in CHANNELS], default="OFFLINE"
    )
    by_partner = pl.col("last_channel") == CHANNELS.index("partner")
    partner = pl.coalesce(
        *[
            pl.when(by_partner & (pl.col("vertical") == vertical)).then(
                (pl.col("person") % len(names)).replace_strict(range(len(names)), names)
            )
            for vertical, names in PARTNERS.items()
        ]
    )
    properties = json_object(
        {
            "email": quoted("email"),
            "phone": quoted("phone"),
            "firstname": quoted("first_name"),
            "lastname": quoted("last_name"),
            "jobtitle": quoted(
                pl.when(pl.col("changed_at_shown").is_not_null())
                .then(pl.concat_str("job_title", pl.lit(" (intérim)")))
                .otherwise("job_title")
            ),
            "buying_role": quoted("role"),
            "lifecyclestage": stage,
            "external_user_id": quoted("user_id"),
            "associatedcompanyid": quoted("company_crm_id"),
            "hubspot_owner_id": quoted("owner_id"),
            "vertical": quoted("vertical"),
            "country": pl.lit('"FR"'),
            "city": quoted("city"),
            "hs_language": quoted("language"),
            "age": quoted(pl.col("age").cast(pl.String)),
            "hs_analytics_source": quoted(source),
            "partner": quoted(partner),
            "control_group": pl.when(~pl.col("mailed")).then(pl.lit('"true"')),
            "hs_email_optout": pl.when(pl.col("optout_at_shown").is_not_null()).then(
                pl.lit('"true"')
            ),
            "hs_merged_object_ids": quoted(
                pl.when(pl.col("merged_at_shown").is_not_null()).then("merged_id")
            ),
            "createdate": iso_ms("created"),
            "lastmodifieddate": iso_ms("updated"),
            "hs_lifecyclestage_lead_date": iso_ms("lead_at_shown"),
            "hs_lifecyclestage_marketingqualifiedlead_date": iso_ms("mql_at_shown"),
            "hs_lifecyclestage_salesqualifiedlead_date": iso_ms("sql_at_shown"),
            "hs_lifecyclestage_opportunity_date": iso_ms("opportunity_at_shown"),
            "hs_lifecyclestage_customer_date": iso_ms("customer_at_shown"),
        }
    )
    return table.select(envelope("contacts", properties, pl.lit(None, pl.String))).to_series()
