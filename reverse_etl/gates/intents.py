"""Intended messages in the lake: which are to be decided, and what was decided about them.

Campaigns and journeys append to the stream `message_intents`; a decision is a row of
`message_decisions`, and the last one of an intent is in force. Queued and blocked ones are final.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa

from reverse_etl.gates.deciding import DECISIONS, time_sql
from workspace.definitions.caps import Caps
from workspace.lake import Lake
from workspace.streams import STREAMS

INTENTS = "message_intents"
STREAM = "message_decisions"
#: The table that :func:`pending` makes.
PENDING = "gate_intents"


def intent_id(
    source_kind: str, source_key: str, step: str, occurrence: str, channel: str, contact_id: str
) -> str:
    """The same for the same message to the same contact, whatever version it comes from."""
    text = "\0".join([source_kind, source_key, step, occurrence, channel, contact_id])
    return hashlib.sha256(text.encode()).hexdigest()


def pending(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    caps: Caps,
    as_of: datetime,
    identities: str = "marts.identity_map",
) -> str:
    """Make the table of intents that are to be decided now, and return its name.

    It has the columns of the stream and ``deferred_until``. Left out are those that were decided
    for good, and those whose time is further ahead than messages are queued. A contact that has
    become part of another one is that one.
    """
    horizon = time_sql(as_of + timedelta(hours=caps.queue_ahead_hours))
    connection.execute(
        f"""
        create or replace temp table {PENDING} as
        with decided as ({_latest_sql(lake)}),
        intents as (
            select * from ({lake.relation_sql(INTENTS, as_of)})
            where scheduled_at <= {horizon}
            -- A source that was killed and began again may have said it twice.
            qualify row_number() over (partition by intent_id order by known_at) = 1
        ),
        contacts as (
            select identifier_key, contact_id from {identities} where contact_id is not null
        )
        select
            intents.* replace (coalesce(contacts.contact_id, intents.contact_id) as contact_id),
            decided.deferred_until
        from intents
        left join decided on intents.intent_id = decided.intent_id
        left join contacts on intents.contact_id = contacts.identifier_key
        where
            decided.decision is null
            or (
                decided.decision = 'deferred'
                and coalesce(decided.deferred_until <= {horizon}, true)
            )
        """
    )
    return PENDING


def record(lake: Lake, decisions: pa.Table, as_of: datetime) -> dict[str, int]:
    """Append the decisions that say something else than those in force; rows by decision.

    ``decisions`` has the schema :data:`reverse_etl.gates.deciding.DECISIONS`. Repeating it adds
    nothing.
    """
    sequence = len(lake.entries(STREAM)) + 1
    with duckdb.connect() as connection:
        connection.register("new_decisions", decisions)
        changed = connection.execute(
            f"""
            select
                new_decisions.*, cast($1 as bigint) as sequence, cast($2 as timestamp) as known_at
            from new_decisions
            left join ({_latest_sql(lake)}) as decided
                on new_decisions.intent_id = decided.intent_id
            where decided.intent_id is null
                or (new_decisions.decision, new_decisions.gate, new_decisions.detail,
                    new_decisions.deferred_until)
                is distinct from
                (decided.decision, decided.gate, decided.detail, decided.deferred_until)
            order by new_decisions.intent_id
            """,
            [sequence, as_of],
        ).to_arrow_table()
    if not changed.num_rows:
        return {}
    lake.commit(STREAM, f"{sequence}:{as_of.isoformat()}", changed.cast(STREAMS[STREAM].schema))
    return dict(Counter(changed["decision"].to_pylist()))


def duplicates(intent_ids: Sequence[str]) -> pa.Table:
    """Decisions for intents that the outbox knew already, to be recorded after it said so."""
    rows = [{"intent_id": key, "decision": "blocked", "gate": "duplicate"} for key in intent_ids]
    return pa.Table.from_pylist(rows, schema=DECISIONS)


def _latest_sql(lake: Lake) -> str:
    return f"""
        select
            intent_id,
            arg_max(decision, sequence) as decision,
            arg_max_null(gate, sequence) as gate,
            arg_max_null(detail, sequence) as detail,
            arg_max_null(deferred_until, sequence) as deferred_until
        from ({lake.relation_sql(STREAM)}) group by intent_id
    """
