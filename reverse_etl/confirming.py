"""Double opt-in: who asked for something that must be confirmed is asked once whether it was them.

A request is a ticked box or a choice of the preference page whose purpose needs a confirmation
(`marketing/consent.yml`): the state ``pending`` of our own word. Each becomes one intended message,
with the gates and the outbox of any other; what it asks is confirmed on `ingestion.consent`'s page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.gates import intents
from reverse_etl.publish import dicts
from workspace.clock import iso
from workspace.definitions.consent import Consent
from workspace.lake import Lake
from workspace.ledger import consent
from workspace.streams import STREAMS

#: What the messages are called beside those of campaigns and journeys, and their class in caps.yml.
KIND, SOURCE = consent.SOURCE_KIND, "confirm_subscription"
MESSAGE_CLASS = "confirmation"

_ADDRESSES = {"email": ("email", "email_key"), "sms": ("phone", "phone_key")}


def ask(connection: duckdb.DuckDBPyConnection, lake: Lake, policy: Consent, as_of: datetime) -> int:
    """Append the messages that ask for a confirmation; how many. Repeating it adds nothing.

    ``connection`` sees the schema ``marts``.
    """
    found = waiting(connection, asked_before(lake), policy, as_of)
    rows = [_intent(row, policy, as_of) for row in found]
    if not rows:
        return 0
    schema = STREAMS[intents.INTENTS].schema
    plain = [{name: row.get(name) for name in schema.names} for row in rows]
    batch = f"confirmations:{len(lake.entries(intents.INTENTS)) + 1}:{iso(as_of)}"
    lake.commit(intents.INTENTS, batch, pa.Table.from_pylist(plain, schema=schema))
    return len(rows)


@dataclass(frozen=True)
class Asked:
    """What was asked before: requests (purpose, channel and evidence), and when somebody (contact,
    purpose and channel) was asked last."""

    requests: frozenset[tuple[str, str, str]]
    people: Mapping[tuple[str, str, str], datetime]


def asked_before(lake: Lake) -> Asked:
    with duckdb.connect() as connection:
        rows = dicts(
            connection,
            f"""
            select contact_id, step, channel, occurrence, max(known_at) as asked_at
            from ({lake.relation_sql(intents.INTENTS)})
            where source_kind = '{KIND}' and source_key = '{SOURCE}'
            group by all order by asked_at
            """,
        )
    return Asked(
        frozenset((row["step"], row["channel"], row["occurrence"]) for row in rows),
        {(row["contact_id"], row["step"], row["channel"]): row["asked_at"] for row in rows},
    )


def waiting(
    connection: duckdb.DuckDBPyConnection, asked: Asked, policy: Consent, as_of: datetime
) -> list[dict[str, Any]]:
    """Requests to be asked about now: by whom, for what, and when they were made.

    Left out are requests that are too old, were asked about, or of a person who was asked for the
    same purpose within ``again_hours``; and those made for another address than the contact's, who
    alone could confirm it.
    """
    since = as_of - timedelta(days=policy.double_opt_in.valid_days)
    again = as_of - timedelta(hours=policy.double_opt_in.again_hours)
    rows = dicts(
        connection,
        """
        select distinct
            s.contact_id, s.purpose, s.channel, s.brand, s.evidence_id, r.identifier_type,
            r.identifier_key, r.text_version, r.decided_at, c.account_id, c.vertical, c.email_key,
            c.phone_key
        from marts.consent_states as s
        inner join marts.consent_records as r
            on s.evidence_id = r.evidence_id and s.subject_id = r.subject_id
        inner join marts.dim_contacts as c on s.contact_id = c.contact_id
        where s.state = 'pending' and s.authority = 'own' and s.channel in ('email', 'sms')
            and r.decided_at > $1 and r.decided_at <= $2
        order by s.contact_id, s.purpose, s.channel, r.decided_at desc, s.brand
        """,
        [since, as_of],
    )
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        who = (row["contact_id"], row["purpose"], row["channel"])
        request = (row["purpose"], row["channel"], row["evidence_id"])
        last = asked.people.get(who)
        purpose = policy.purposes.get(row["purpose"])
        text = purpose.text(row["channel"], row["text_version"]) if purpose else None
        is_new = request not in asked.requests and (last is None or last <= again)
        if is_new and text is not None and _reaches(row):
            found.setdefault(who, row)
    return list(found.values())


def _reaches(row: dict[str, Any]) -> bool:
    """Whether a message to the contact's address reaches whoever made the request."""
    kind, column = _ADDRESSES[row["channel"]]
    if not row[column]:
        return False
    return row["identifier_type"] != kind or row["identifier_key"] == row[column]


def _intent(row: dict[str, Any], policy: Consent, as_of: datetime) -> dict[str, Any]:
    step, channel, contact_id = row["purpose"], row["channel"], row["contact_id"]
    text = policy.purposes[step].text(channel, row["text_version"])
    assert text is not None
    until = row["decided_at"] + timedelta(days=policy.double_opt_in.valid_days)
    given = {
        "request_type": row["identifier_type"],
        "request_key": row["identifier_key"],
        "request_at": row["decided_at"].isoformat(),
        "request_brand": row["brand"],
        "request_text": row["text_version"] or "",
        "wording_fr": text.fr,
        "wording_en": text.en,
    }
    return {
        "intent_id": intents.intent_id(KIND, SOURCE, step, row["evidence_id"], channel, contact_id),
        "source_kind": KIND,
        "source_key": SOURCE,
        "source_version": "1",
        "step": step,
        "occurrence": row["evidence_id"],
        "contact_id": contact_id,
        "account_id": row["account_id"],
        "vertical": row["vertical"],
        "channel": channel,
        "template": template_of(policy, row["vertical"]),
        "purpose": step,
        "message_class": MESSAGE_CLASS,
        "priority": 100,
        "scheduled_at": as_of,
        "not_after": min(until, as_of + timedelta(days=3)),
        "on_capped": "skip",
        "given": json.dumps(given, sort_keys=True),
        "known_at": as_of,
    }


def template_of(policy: Consent, vertical: str | None) -> str:
    """The template of a vertical; the first one where there is none."""
    templates = policy.double_opt_in.templates
    return templates.get(vertical or "") or next(iter(templates.values()), SOURCE)
