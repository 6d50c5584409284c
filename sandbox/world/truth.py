"""The ground truth of a world: Parquet files that only tests and evaluations read.

One row per ...

- identities: person and identifier: kind (crm_contact, email, phone, user_id, anonymous_id,
  crm_company), value
- external_ids: id of a person in the old mail tool: person, external_id
- people: person: account (company id), vertical, kind, role, and the hidden affinity (to mail),
  prefetch, gateway, holdout
- action_responses: person and action of ours: p_response and p_stop (true probabilities)
- channel_effects: vertical and channel: effect (multiplier on going deeper), lift, customers
  exposed and customers it brought
- touches: touch on the path before a lead: person, channel, time, online
- stages: lead and stage entered before the end: person, account, vertical, stage, entered
- contract_months: customer and month at risk (0 is October 2024): hazard (true probability to
  end in it), health of the month before, churned
- mrr_ledger: customer and month: mrr_start, new, reactivation, expansion, contraction, churn,
  mrr_end
- mrr_changes: change of MRR: customer, time, kind, delta, mrr after it
- sessions: session on the websites: person, anonymous_id, first and last event, events, channel,
  campaign, is_bot
- machine_events: message not made by a human: message_id, actor (prefetch, gateway, bot)
- bots: anonymous id of a bot
- merges: merge of two CRM contacts: survivor, merged, at
- unmerged_duplicates: further CRM id of a person that was never merged
- shared_devices: anonymous id used by two persons
- duplicates, late_events, skewed_events: message sent twice, received more than an hour late,
  stamped by a wrong device clock
- unidentified_devices: anonymous id of a known person that no message ever ties to them
- planted_rows: planted fault: kind, file, fault, verdict (bad, quarantined, good, future),
  message_id
- consent_decisions: decision: person, purpose, channel, status, at
- mail_state: person: optout_at, bounced_at, complained_at (null: never)

Times are UTC timestamps. Multiplicative effects: of the customers exposed to a channel with
effect e, a share 1 - 1/e would not have become customers without it (`incremental`).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.plan import CHANNEL_EFFECT, CHANNELS, FUNNELS, VERTICALS

TABLES = [
    "identities",
    "external_ids",
    "people",
    "action_responses",
    "channel_effects",
    "touches",
    "stages",
    "contract_months",
    "mrr_ledger",
    "mrr_changes",
    "sessions",
    "machine_events",
    "bots",
    "merges",
    "unmerged_duplicates",
    "shared_devices",
    "duplicates",
    "late_events",
    "skewed_events",
    "unidentified_devices",
    "planted_rows",
    "consent_decisions",
    "mail_state",
]

#: Columns of milliseconds that become timestamps.
TIMES = [
    "time",
    "at",
    "entered",
    "received",
    "original",
    "first",
    "last",
    "optout_at",
    "bounced_at",
    "complained_at",
]


def save(directory: Path, name: str, table: pl.DataFrame) -> None:
    """Write one truth table; times before NEVER become timestamps, the others null."""
    if name not in TABLES:
        raise ValueError(f"{name} is not a truth table")
    stamps = [
        pl.when(pl.col(c) < cal.NEVER).then(pl.from_epoch(pl.col(c), time_unit="ms")).alias(c)
        for c in TIMES
        if c in table.columns and table[c].dtype == pl.Int64
    ]
    table.with_columns(stamps).write_parquet(directory / f"{name}.parquet", statistics=False)


def load(directory: Path, name: str) -> pl.DataFrame:
    """One truth table of a world; raises ValueError for an unknown name."""
    if name not in TABLES:
        raise ValueError(f"{name} is not a truth table")
    return pl.read_parquet(Path(directory) / f"{name}.parquet")


def channel_effects(units: pl.DataFrame, touches: pl.DataFrame) -> pl.DataFrame:
    """True effects, and how many year 1-2 customers each channel brought beyond the rest."""
    won = units.filter(pl.col("depth") == 5, pl.col("t5") < cal.END)
    found = []
    for vertical in VERTICALS:
        own = won.filter(pl.col("vertical") == vertical)
        for i, channel in enumerate(CHANNELS):
            effect = CHANNEL_EFFECT[vertical][channel]
            if channel == "email":
                exposed = int(own["mailed"].sum())
            else:
                touched = touches.filter(pl.col("channel") == i)["unit"]
                exposed = int(own["unit"].is_in(touched.implode()).sum())
            found.append(
                (vertical, channel, effect, effect - 1, exposed, exposed * (1 - 1 / effect))
            )
    columns = [
        "vertical",
        "channel",
        "effect",
        "lift",
        "exposed_customers",
        "incremental_customers",
    ]
    return pl.DataFrame(found, schema=columns, orient="row")


def stages(units: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Every stage entered before the fixed end."""
    parts = []
    for vertical in VERTICALS:
        own = units.filter(pl.col("vertical") == vertical)
        for k, stage in enumerate(FUNNELS[vertical].stages):
            parts.append(
                own.filter(pl.col(f"t{k}") < cal.END).select(
                    person="unit",
                    account=accounts["crm_id"].gather(
                        own.filter(pl.col(f"t{k}") < cal.END)["account"]
                    ),
                    vertical="vertical",
                    stage=pl.lit(stage),
                    entered=f"t{k}",
                )
            )
    return pl.concat(parts).sort("entered", "person")


def identities(contacts: pl.DataFrame, anonymous: pl.DataFrame) -> pl.DataFrame:
    """All identifiers of all people; `anonymous` has person and value."""
    kinds = {
        "crm_contact": "crm_id",
        "email": "email",
        "phone": "phone",
        "user_id": "user_id",
        "crm_company": "company_crm_id",
    }
    parts = [
        contacts.select("person", kind=pl.lit(kind), value=pl.col(column)).filter(
            pl.col("value").is_not_null()
        )
        for kind, column in kinds.items()
    ]
    parts.append(anonymous.select("person", kind=pl.lit("anonymous_id"), value="value"))
    return pl.concat(parts).unique(maintain_order=True)


def with_channel_names(table: pl.DataFrame) -> pl.DataFrame:
    """Replace channel numbers by their names."""
    return table.with_columns(channel=pl.Series(CHANNELS).gather(table["channel"]))
