"""Who is in an audience and may be, and what the CRM is told: read of what is published.

What the ledger says since can take somebody out and never lets one in: refusals newer than the
consent they end, those told to a provider too, and erasures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from reverse_etl.publish import is_published, need, pii_reader, reader
from workspace.identifiers import domain_key_sql
from workspace.ledger import Ledger, schema
from workspace.paths import Paths

#: Views of schema ``marts`` that the desk holds, and the columns of each.
_MARTS = {
    "segment_memberships": "segment, contact_id",
    "marketing_segments": "segment, is_stale, is_current",
    "consent_states": "contact_id, purpose, channel, state, decided_at",
    "dim_contacts": "contact_id, contact_key, email_key, phone_key, vertical",
    "identity_map": "identifier_key, contact_id",
    "account_contacts": "account_id, contact_id",
    "dim_accounts": "account_id, domain",
    "lead_scores": "contact_id, vertical, lead_score, band, route, band_change",
    "engagement_scores": "contact_id, engagement_score",
    "contact_personas": "contact_id, persona",
    "buyer_stages": "contact_id, stage",
    "journey_actions": "action_id, journey, contact_id, action, subject, requested_at, definition",
    "campaign_tickets": "ticket_id, campaign, title, body, failed_on",
    "message_queue": "contact_id, source_key, sent_at",
}
_RECTIFIED = "rectification_id, contact_id, crm_id, field, value, status, known_at"
#: Reasons of suppressions with which somebody says that they do not want what a channel brings;
#: any other is about the address.
_REFUSALS = ("unsubscribed", "complaint", "stop", "provider_list")
_STOPS = pa.schema(
    [
        ("identifier_key", pa.string()),
        ("purpose", pa.string()),
        ("channel", pa.string()),
        ("state", pa.string()),
        ("occurred_at", pa.timestamp("us")),
    ]
)
#: The attribute of each property of the CRM, over the desk's tables; one row per contact.
_ATTRIBUTES = {
    "lead_score": "select contact_id, round(lead_score, 1) as value from lead_scores",
    "lead_band": "select contact_id, band as value from lead_scores",
    "engagement_score": (
        "select contact_id, round(engagement_score, 1) as value from engagement_scores"
    ),
    "persona": "select contact_id, any_value(persona) as value from contact_personas group by all",
    "buyer_stage": "select contact_id, stage as value from buyer_stages",
    "segments": (
        "select contact_id, string_agg(segment, ';' order by segment) as value "
        "from segment_memberships group by contact_id"
    ),
    "last_campaign": (
        "select contact_id, arg_max(source_key, (sent_at, source_key)) as value "
        "from message_queue where sent_at is not null group by contact_id"
    ),
}


@contextmanager
def desk(paths: Paths, ledger: Ledger) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory with the tables above, ``contacts`` (contact_id, email, phone),
    ``rectifications`` and ``stops`` (contact_id, purpose, channel, state, occurred_at).

    Raises :class:`~reverse_etl.publish.NothingPublished`.
    """
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        with reader(paths) as marts:
            need(marts, "segment_memberships", "consent_states", "dim_contacts")
            for name, columns in _MARTS.items():
                if is_published(marts, name):
                    _keep(connection, name, marts, f"select {columns} from marts.{name}")
        with pii_reader(paths) as pii:
            _keep(connection, "contacts", pii, "select contact_id, email, phone from pii.contacts")
            if is_published(pii, "rectifications", "pii"):
                _keep(
                    connection,
                    "rectifications",
                    pii,
                    f"select {_RECTIFIED} from pii.rectifications",
                )
        refuse(connection, stops(ledger))
        yield connection


def _keep(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    source: duckdb.DuckDBPyConnection,
    query: str,
) -> None:
    connection.register("taken", source.execute(query).to_arrow_table())
    connection.execute(f"create table {name} as from taken")
    connection.unregister("taken")


def stops(ledger: Ledger) -> pa.Table:
    """Withdrawals, objections and erasures, by the keyed hash of an identifier. What somebody
    told a provider withdraws every purpose on its channel; an organisation's refusal ends when it
    is lifted."""
    consents, tombstones = schema.consent_events.c, schema.tombstones.c
    later = sa.alias(schema.consent_events).c
    suppressions = schema.suppressions.c
    with ledger.reading() as connection:
        rows = [
            tuple(row)
            for row in connection.execute(
                sa.select(
                    consents.identifier_key,
                    consents.purpose,
                    consents.channel,
                    consents.state,
                    sa.func.max(consents.occurred_at),
                )
                .where(
                    consents.state.in_(("withdrawn", "objection")),
                    ~sa.exists().where(
                        later.identifier_key == consents.identifier_key,
                        later.state == "lifted",
                        later.consent_event_id > consents.consent_event_id,
                    ),
                )
                .group_by(
                    consents.identifier_key, consents.purpose, consents.channel, consents.state
                )
            )
        ]
        rows += [
            (key, "all", channel, "withdrawn", at)
            for key, channel, at in connection.execute(
                sa.select(
                    suppressions.identifier_key,
                    suppressions.channel,
                    sa.func.max(suppressions.suppressed_at),
                )
                .where(suppressions.reason.in_(_REFUSALS))
                .group_by(suppressions.identifier_key, suppressions.channel)
            )
        ]
        rows += [
            (key, "all", "all", "erased", at)
            for key, at in connection.execute(
                sa.select(tombstones.identifier_key, tombstones.erased_at)
            )
        ]
    columns = list(zip(*rows, strict=True)) or [()] * len(_STOPS)
    return pa.table([list(column) for column in columns], schema=_STOPS)


def refuse(connection: duckdb.DuckDBPyConnection, found: pa.Table) -> None:
    """Make the table ``stops`` of :func:`stops`, for the contacts whose identifiers they are, and
    for those who belong to an organisation that refuses."""
    domain = domain_key_sql("split_part(email, '@', 2)")
    elsewhere = {
        ("identity_map",): "select identifier_key, contact_id from identity_map "
        "where contact_id is not null",
        ("contacts",): f"select {domain}, contact_id from contacts where email is not null",
        ("account_contacts",): "select account_id, contact_id from account_contacts",
        ("account_contacts", "dim_accounts"): f"select {domain_key_sql('domain')}, contact_id "
        "from dim_accounts join account_contacts using (account_id) where domain is not null",
    }
    mapped = " ".join(
        f"union {query}"
        for names, query in elsewhere.items()
        if all(_has(connection, name) for name in names)
    )
    connection.register("found_stops", found)
    connection.execute(
        f"""
        create or replace table stops as
        select distinct keys.contact_id, found.purpose, found.channel, found.state,
            found.occurred_at
        from found_stops as found
        inner join (
            select email_key as identifier_key, contact_id from dim_contacts
            union select phone_key, contact_id from dim_contacts
            union select contact_id, contact_id from dim_contacts
            {mapped}
        ) as keys on found.identifier_key = keys.identifier_key
        """
    )
    connection.unregister("found_stops")


def allow(connection: duckdb.DuckDBPyConnection, name: str, purpose: str, channel: str) -> None:
    """Make the table ``name`` of the contacts who granted a purpose on a channel and did not take
    it back since: a refusal counts that is as new as the consent or newer, an objection whatever
    it is about, an erasure always."""
    connection.execute(
        f"""
        create or replace table {name} as
        select contact_id, max(decided_at) as decided_at
        from consent_states
        where contact_id is not null and state = 'granted' and purpose = $1 and channel = $2
        group by contact_id
        """,
        [purpose, channel],
    )
    connection.execute(
        f"""
        delete from {name} as allowed using stops
        where allowed.contact_id = stops.contact_id and (
            stops.state = 'erased'
            or stops.occurred_at >= coalesce(allowed.decided_at, stops.occurred_at) and (
                stops.state = 'objection'
                or stops.purpose in ($1, 'all') and stops.channel in ($2, 'all')
            )
        )
        """,
        [purpose, channel],
    )


def gather_segment(
    connection: duckdb.DuckDBPyConnection, name: str, audience: str, segment: str
) -> bool:
    """Make the table ``name`` of an audience's members: those of its segment, and whom a journey
    added. Whether the segment may be relied on."""
    added = (
        "union select contact_id from journey_actions "
        "where action = 'add_to_audience' and subject = $2 and contact_id is not null"
        if _has(connection, "journey_actions")
        else "union select contact_id from segment_memberships where segment = $2 and false"
    )
    connection.execute(
        f"""
        create or replace table {name} as
        select members.contact_id, contacts.email, contacts.phone,
            cast(null as varchar) as attributes
        from (
            select contact_id from segment_memberships where segment = $1 {added}
        ) as members
        left join contacts on members.contact_id = contacts.contact_id
        """,
        [segment, audience],
    )
    if not _has(connection, "marketing_segments"):
        return True
    found = connection.execute(
        "select coalesce(bool_or(is_stale), true) from marketing_segments "
        "where segment = ? and is_current",
        [segment],
    ).fetchone()
    return found is not None and not found[0]


def empty_out(connection: duckdb.DuckDBPyConnection, members: str, allowed: str) -> None:
    """Make the tables of an audience that nobody asks for any more: no members, and ``allowed``,
    those that refused nothing and may wait."""
    connection.execute(
        f"""
        create or replace table {members} as
        select contact_id, email, phone, cast(null as varchar) as attributes
        from contacts where false
        """
    )
    connection.execute(
        f"""
        create or replace table {allowed} as
        select distinct contact_id from consent_states
        where state = 'granted' and contact_id is not null
            and contact_id not in (select contact_id from stops)
        """
    )


def gather_contacts(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    properties: Sequence[str],
    creates: Sequence[str],
) -> None:
    """Make the table ``name`` of the contacts that the CRM knows, or is to be told of for their
    segments, with the properties as JSON."""
    joins, values = [], []
    for number, one in enumerate(properties):
        query = _ATTRIBUTES[one] if _has(connection, _table_of(one)) else _NOTHING
        joins.append(f"left join ({query}) as p{number} on who.contact_id = p{number}.contact_id")
        values.append(f"'{one}': p{number}.value")
    attributes = f"to_json({{{', '.join(values)}}})::varchar" if values else "null::varchar"
    connection.execute(
        f"""
        create or replace table {name} as
        select who.contact_id, contacts.email, contacts.phone, {attributes} as attributes
        from (
            select contact_id from dim_contacts where contact_key is not null
            union select contact_id from segment_memberships where list_contains($1, segment)
        ) as who
        left join contacts on who.contact_id = contacts.contact_id
        {" ".join(joins)}
        """,
        [list(creates)],
    )


_NOTHING = "select '' as contact_id, cast(null as varchar) as value where false"


def _table_of(one: str) -> str:
    return _ATTRIBUTES[one].split(" from ")[1].split()[0]


def _has(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    found = connection.execute(
        "select count(*) from duckdb_tables() where table_name = ?", [table]
    ).fetchone()
    return found is not None and found[0] > 0
