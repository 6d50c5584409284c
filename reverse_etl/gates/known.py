"""The gates' facts, from the marts as a run built them and from the ledger as it stands.

The warehouse knows what was known at the run's ``as_of``. What the ledger says since then can
hold a message back and never lets one through.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from reverse_etl.gates.deciding import time_sql
from reverse_etl.gates.facts import COLUMNS as FACT_COLUMNS
from reverse_etl.gates.facts import Facts, empty
from workspace.definitions.caps import Caps
from workspace.identifiers import domain_key_sql
from workspace.lake import Lake
from workspace.ledger import Ledger, approvals, consent, messages, pauses, schema

#: Reasons of suppressions that say that the address does not want or take mail, or that its owner
#: left; any other reason is a suppression by itself.
BOUNCED = ("hard_bounce", "complaint")
UNSUBSCRIBED = ("unsubscribed", "stop")
#: States of the outbox in which a message was sent, may have been, or will be.
COUNTED = ("pending", "sending", "accepted", "unknown", "failed_unknown")

#: The mart as `Facts` has it: hours that are better than the default one.
SEND_TIMES = """(
    select contact_id, channel,
        max(recommended_hour) filter (where day_kind = 'weekday') as weekday_hour,
        max(recommended_hour) filter (where day_kind = 'weekend') as weekend_hour
    from marts.send_times where not is_fallback group by contact_id, channel
)"""

#: Addresses in plain text, where the schema ``pii`` is seen.
ADDRESSES = "pii.contacts"
#: The table of approvals that :func:`facts` makes.
APPROVALS = "known_approvals"

_STOP = pa.schema(
    [(name, pa.string()) for name in ("identifier_key", "channel", "purpose", "gate", "detail")]
)


def facts(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    lake: Lake,
    caps: Caps,
    as_of: datetime,
    incomplete: str | None = None,
    addresses: str | None = None,
) -> Facts:
    """What holds now. ``connection`` sees the schema ``marts``; temporary tables ``known_…`` of it
    are replaced.

    What was sent is read from the lake: `workspace.ledger.messages.export` goes before.
    ``incomplete`` is a relation as `Facts` says, empty where not given; ``marts.send_times`` is
    read where a message asks for its hour. ``addresses`` has ``contact_id`` and ``email`` in plain
    text (:data:`ADDRESSES`): without it, what a domain refused since the run is only known of the
    contacts of its organisation.
    """
    with ledger.reading() as reading:
        stops = [*_suppressed(reading), *_erased(reading), *_refused(reading, connection, as_of)]
    _table(connection, "known_stops", stops, _STOP)
    _table(
        connection,
        APPROVALS,
        [
            {"subject_hash": digest, "decision": decision}
            for digest, decision in approvals.standing(ledger).items()
        ],
        pa.schema([("subject_hash", pa.string()), ("decision", pa.string())]),
    )
    _table(
        connection,
        "known_pauses",
        [held._asdict() for held in pauses.held(ledger)],
        pa.schema([(name, pa.string()) for name in ("scope", "source_key", "event")]),
    )
    for name, query in {
        "known_contacts": _contacts_sql(caps),
        "known_consents": _CONSENTS,
        "known_domains": "select contact_id, "
        + domain_key_sql("split_part(email, '@', 2)")
        + f" as domain_key from {addresses or empty('contact_id varchar, email varchar')}"
        " where email is not null",
        "known_stops_of_contacts": _STOPS,
        "known_sent": sent_sql(lake, caps, as_of),
    }.items():
        connection.execute(f"create or replace temp table {name} as {query}")
    return Facts(
        contacts="known_contacts",
        consents="known_consents",
        stops="known_stops_of_contacts",
        approvals=APPROVALS,
        pauses="known_pauses",
        incomplete=incomplete or empty(FACT_COLUMNS["incomplete"]),
        sent="known_sent",
        send_times=SEND_TIMES,
    )


def _contacts_sql(caps: Caps) -> str:
    zones = " ".join(f"when '{country}' then '{zone}'" for country, zone in caps.time_zones.items())
    zone = f"case country {zones} end" if zones else "cast(null as varchar)"
    # Who has no device that is known is reached by the contact's own key.
    return f"""
        select
            contacts.contact_id, contacts.email_key, contacts.phone_key,
            coalesce(contacts.user_key, contacts.contact_id) as push_key,
            contacts.country, {zone} as time_zone, scores.band
        from marts.dim_contacts as contacts
        left join marts.lead_scores as scores on contacts.contact_id = scores.contact_id
    """


#: A grant of any brand will do, then a request that waits; else what is said by the first piece of
#: evidence.
_CONSENTS = """
    select
        contact_id, purpose, channel, decided.state, decided.reason, decided.evidence_id,
        decided.decided_at, decided.legal_basis, decided.text_hash, decided.policy_version
    from (
        select contact_id, purpose, channel,
            min({
                'rank': case state when 'granted' then 0 when 'pending' then 1 else 2 end,
                'evidence_id': evidence_id, 'state': state, 'reason': reason,
                'decided_at': decided_at, 'legal_basis': legal_basis, 'text_hash': text_hash,
                'policy_version': policy_version
            }) as decided
        from marts.consent_states
        where contact_id is not null
        group by contact_id, purpose, channel
    )
"""

_DOMAIN = domain_key_sql("accounts.domain")

#: An address that several people share is no one's identifier, and still the address of each. What
#: an organisation refuses is refused for who belongs to it, by an address in its domain as well.
_STOPS = f"""
    with keys as (
        select identifier_key, contact_id from marts.identity_map
        where contact_id is not null
            and identifier_key in (select identifier_key from known_stops)
        union
        select email_key, contact_id from marts.dim_contacts
        where email_key in (select identifier_key from known_stops)
        union
        select phone_key, contact_id from marts.dim_contacts
        where phone_key in (select identifier_key from known_stops)
        union
        select account_id, contact_id from marts.account_contacts
        where account_id in (select identifier_key from known_stops)
        union
        select {_DOMAIN} as identifier_key, ties.contact_id
        from marts.dim_accounts as accounts
        inner join marts.account_contacts as ties on accounts.account_id = ties.account_id
        where {_DOMAIN} in (select identifier_key from known_stops)
        union
        select domain_key, contact_id from known_domains
        where domain_key in (select identifier_key from known_stops)
        union
        -- An intent may still name somebody of whom nothing else is left.
        select identifier_key, identifier_key from known_stops
    )
    select keys.contact_id, stops.channel, stops.purpose, stops.gate, stops.detail
    from known_stops as stops inner join keys on stops.identifier_key = keys.identifier_key
    union
    select contact_id, channel, cast(null as varchar) as purpose,
        case when reason in {BOUNCED} then 'bounced' else 'suppressed' end as gate,
        reason as detail
    from marts.consent_records
    where contact_id is not null and is_standing
        and (reason in {BOUNCED} or state = 'suppressed')
        and state in ('withdrawn', 'objection', 'suppressed')
"""


def sent_sql(lake: Lake, caps: Caps, as_of: datetime) -> str:
    since = time_sql(as_of - timedelta(days=max(caps.longest_days, 8)))
    states = ", ".join(f"'{state}'" for state in COUNTED)
    return f"""
        with messages as (
            select
                message_id,
                arg_max(contact_id, sequence) as contact_id,
                arg_max(message_class, sequence) as message_class,
                arg_max(channel, sequence) as channel,
                arg_max(state, (sequence, updated_at)) as state,
                arg_max(coalesce(sent_at, scheduled_at), (sequence, updated_at)) as sent_at
            from ({lake.relation_sql(messages.STREAM)}) group by message_id
        )
        select
            messages.message_id, coalesce(contacts.contact_id, messages.contact_id) as contact_id,
            messages.message_class, messages.channel, messages.sent_at
        from messages
        left join (select * from marts.identity_map where contact_id is not null) as contacts
            on messages.contact_id = contacts.identifier_key
        where messages.state in ({states}) and messages.sent_at > {since}
    """


def _suppressed(connection: sa.Connection) -> list[dict[str, Any]]:
    table = schema.suppressions
    query = sa.select(table.c.identifier_key, table.c.channel, table.c.reason)
    return [
        {
            "identifier_key": key,
            "channel": channel,
            "gate": "bounced"
            if reason in BOUNCED
            else "unsubscribed"
            if reason in UNSUBSCRIBED
            else "suppressed",
            "detail": reason,
        }
        for key, channel, reason in connection.execute(query)
    ]


def _erased(connection: sa.Connection) -> list[dict[str, Any]]:
    return [
        {"identifier_key": key, "channel": "all", "gate": "erased", "detail": "erased"}
        for key in connection.execute(sa.select(schema.tombstones.c.identifier_key)).scalars()
    ]


def _refused(
    reading: sa.Connection, connection: duckdb.DuckDBPyConnection, as_of: datetime
) -> list[dict[str, Any]]:
    """Withdrawals and objections that the warehouse has not folded: those its records lack, whether
    or not the lake has them (the run that exported them may have failed), and those after
    ``as_of``. One about everything is an unsubscribe, one about a purpose takes its consent."""
    table = schema.consent_events
    query = sa.select(
        table.c.event_id,
        table.c.identifier_key,
        table.c.channel,
        table.c.purpose,
        table.c.state,
        sa.or_(table.c.occurred_at >= as_of, table.c.known_at > as_of),
    ).where(table.c.state.in_(("withdrawn", "objection")))
    folded = {
        row[0]
        for row in connection.execute(
            "select distinct evidence_id from marts.consent_records "
            "where state in ('withdrawn', 'objection') and evidence_id is not null"
        ).fetchall()
    }
    return [
        {
            "identifier_key": key,
            "channel": channel,
            "purpose": None if purpose == consent.ALL else purpose,
            "gate": "unsubscribed" if purpose == consent.ALL else "consent",
            "detail": f"{state}: since_the_run",
        }
        for event, key, channel, purpose, state, is_later in reading.execute(query)
        if is_later or event not in folded
    ]


def _table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    rows: Sequence[dict[str, Any]],
    columns: pa.Schema,
) -> None:
    connection.register("known_given", pa.Table.from_pylist(list(rows), schema=columns))
    connection.execute(f"create or replace temp table {name} as from known_given")
    connection.unregister("known_given")
