"""The marts that the gates ask, as tables of one file, and people and intents in them."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.gates import intents
from workspace.lake import Lake
from workspace.streams import STREAMS

MARTS = {
    "dim_contacts": "contact_id text, email_key text, phone_key text, user_key text, country text",
    "lead_scores": "contact_id text, band text",
    "send_times": "contact_id text, channel text, day_kind text, recommended_hour integer, "
    "is_fallback boolean",
    "identity_map": "identifier_key text, contact_id text",
    "account_contacts": "account_id text, contact_id text",
    "dim_accounts": "account_id text, domain text",
    "consent_states": "contact_id text, purpose text, channel text, brand text, state text, "
    "reason text, evidence_id text, decided_at timestamp, legal_basis text, text_hash text, "
    "policy_version text",
    "consent_records": "contact_id text, channel text, state text, reason text, "
    "is_standing boolean, evidence_id text",
}


def key(name: str) -> str:
    return name.encode().hex().ljust(32, "0")


def add_people(
    connection: duckdb.DuckDBPyConnection, *names: str, consent: str = "granted"
) -> None:
    """Warm French leads who agreed to marketing mails, each with an address of their own."""
    for name in names:
        mail = key(f"{name}@")
        connection.execute(
            "insert into marts.dim_contacts values ($1, $2, null, null, 'FR')", [key(name), mail]
        )
        connection.execute("insert into marts.lead_scores values ($1, 'warm')", [key(name)])
        connection.execute(
            "insert into marts.identity_map values ($1, $1), ($2, $1)", [key(name), mail]
        )
        connection.execute(
            "insert into marts.consent_states values "
            "($1, 'marketing', 'email', '', $2, 'form', 'proof-' || $1, "
            "timestamp '2026-01-02', 'consent', 'text', 'policy')",
            [key(name), consent],
        )


def intend(lake: Lake, *rows: dict[str, Any]) -> None:
    schema = STREAMS[intents.INTENTS].schema
    plain = [{name: row.get(name) for name in schema.names} for row in rows]
    number = len(lake.entries(intents.INTENTS))
    lake.commit(intents.INTENTS, str(number), pa.Table.from_pylist(plain, schema=schema))
