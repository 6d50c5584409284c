"""What the gates ask about: relations of a DuckDB connection, whoever filled them.

A relation is anything that may stand after ``from``: a table's name or a SELECT in brackets.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import duckdb


def empty(columns: str) -> str:
    """A relation without rows; columns as ``name type, …``."""
    typed = (column.rsplit(" ", 1) for column in columns.split(", "))
    return f"(select {', '.join(f'null::{kind} as {name}' for name, kind in typed)} where false)"


COLUMNS = {
    "contacts": "contact_id varchar, email_key varchar, phone_key varchar, push_key varchar, "
    "country varchar, time_zone varchar, band varchar",
    "consents": "contact_id varchar, purpose varchar, channel varchar, state varchar, "
    "reason varchar, evidence_id varchar, decided_at timestamp, legal_basis varchar, "
    "text_hash varchar, policy_version varchar",
    "stops": "contact_id varchar, channel varchar, purpose varchar, gate varchar, detail varchar",
    "approvals": "subject_hash varchar, decision varchar",
    "pauses": "scope varchar, source_key varchar, event varchar",
    "incomplete": "intent_id varchar, missing varchar",
    "sent": "message_id varchar, contact_id varchar, message_class varchar, channel varchar, "
    "sent_at timestamp",
    "send_times": "contact_id varchar, channel varchar, weekday_hour integer, weekend_hour integer",
}


@dataclass(frozen=True)
class Facts:
    """One relation each, with the columns of :data:`COLUMNS`.

    - ``contacts``: one row per contact, with the keyed hash of the address a channel goes to
      (NULL: none), its IANA zone and its lead band. Who is not in it has no address.
    - ``consents``: one row per contact, purpose and channel; only ``granted`` lets through. The
      evidence that decides, when it was decided, on which legal basis and by which text, and the
      version of the policy that says so, become the message's proof.
    - ``stops``: what stands against a contact, on a channel or on ``all``, for a purpose or (NULL)
      for each; ``gate`` is erased, bounced, consent, unsubscribed or suppressed.
    - ``approvals``: one row per hash: what was last decided about it.
    - ``pauses``: scope (all, campaign, journey), key and ``pause`` or ``stop``.
    - ``incomplete``: intents whose template misses a field, with its name.
    - ``sent``: what counts against caps: sent, perhaps sent, or queued to be. ``message_id`` is
      the id of its intent.
    - ``send_times``: one row per contact and channel: the local hours at which the contact is
      most likely to react.
    """

    contacts: str = empty(COLUMNS["contacts"])
    consents: str = empty(COLUMNS["consents"])
    stops: str = empty(COLUMNS["stops"])
    approvals: str = empty(COLUMNS["approvals"])
    pauses: str = empty(COLUMNS["pauses"])
    incomplete: str = empty(COLUMNS["incomplete"])
    sent: str = empty(COLUMNS["sent"])
    send_times: str = empty(COLUMNS["send_times"])


def check(connection: duckdb.DuckDBPyConnection, facts: Facts) -> None:
    """Raises ``ValueError`` where a relation lacks a column."""
    for field in fields(facts):
        wanted = {column.split(" ")[0] for column in COLUMNS[field.name].split(", ")}
        described = connection.execute(f"describe from {getattr(facts, field.name)}").fetchall()
        missing = wanted - {row[0] for row in described}
        if missing:
            raise ValueError(f"{field.name} lacks {', '.join(sorted(missing))}")
