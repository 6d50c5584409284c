"""The gates asked again of past messages, run by run, as another ``caps.yml`` has them.

What was intended in the window is asked at each run that there was, with what earlier runs of the
replay let through counted against the caps. All else is taken as it is today on both sides:
consents, stops, lead bands, fields that a template misses. Pauses and approvals that are not yet
given are left out, since they end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import duckdb

from reverse_etl import queueing
from reverse_etl.content.library import Library
from reverse_etl.gates import intents, known
from reverse_etl.gates.deciding import decide, time_sql
from reverse_etl.gates.facts import COLUMNS as FACT_COLUMNS
from reverse_etl.gates.facts import Facts, empty
from workspace.definitions.caps import Caps
from workspace.lake import Lake
from workspace.ledger import Ledger

#: The messages that are asked again: planned within so long, or pending still.
WINDOW = timedelta(days=28)
#: What ended a message apart from ``caps.yml`` and today's facts.
_ENDED = ("duplicate", "approval")


def prepare(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    as_of: datetime,
    window: timedelta = WINDOW,
    library: Library | None = None,
) -> int:
    """Make the tables ``replay_intents`` and ``replay_runs``; how many messages there are.

    ``connection`` sees the schema ``marts``. With ``library`` (and the schema ``pii``) it is asked
    today which messages lack a value; without, what earlier runs found.
    """
    since = time_sql(as_of - window)
    ended = ", ".join(f"'{gate}'" for gate in _ENDED)
    decisions = lake.relation_sql(intents.STREAM)
    connection.execute(
        f"""
        create or replace temp table replay_decided as
        select intent_id, arg_max(decision, sequence) as decision,
            arg_max_null(gate, sequence) as gate, arg_max_null(detail, sequence) as detail
        from ({decisions}) group by intent_id;
        create or replace temp table replay_intents as
        with said as (
            select * from ({lake.relation_sql(intents.INTENTS, as_of)})
            qualify row_number() over (partition by intent_id order by known_at) = 1
        ),
        contacts as (
            select identifier_key, contact_id from marts.identity_map where contact_id is not null
        )
        select
            said.* replace (
                coalesce(contacts.contact_id, said.contact_id) as contact_id,
                cast(null as varchar) as approval
            ),
            cast(null as timestamp) as deferred_until
        from said
        left join replay_decided as decided on said.intent_id = decided.intent_id
        left join contacts on said.contact_id = contacts.identifier_key
        where
            not coalesce(decided.decision = 'blocked' and decided.gate in ({ended}), false)
            and (said.scheduled_at > {since} or coalesce(decided.decision, 'deferred') = 'deferred')
        order by said.intent_id;
        create or replace temp table replay_runs as
        select known_at as run_at from replay_intents where known_at > {since}
        union
        select known_at from ({decisions}) where known_at > {since} and known_at <= $1
        union
        select cast($1 as timestamp)
        """,
        [as_of],
    )
    connection.execute(
        """
        create or replace temp table replay_incomplete as
        select intent_id, coalesce(detail, '') as missing
        from replay_decided where gate = 'template'
        """
    )
    if library is not None:
        # What never came as far as the template's gate was not asked.
        queueing.prepare(connection, lake, library, "replay_intents")
        connection.execute(
            "insert into replay_incomplete select * from incomplete_messages "
            "where intent_id not in (select intent_id from replay_incomplete)"
        )
    row = connection.execute("select count(*) from replay_intents").fetchone()
    return row[0] if row else 0


def replay(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    lake: Lake,
    caps: Caps,
    as_of: datetime,
    time_zone: str,
    answer: str,
    window: timedelta = WINDOW,
) -> None:
    """Make the table ``answer``: an intent's last decision and gate, the first cap that stopped it
    (``capped_by``) and when it would go out. Who was not asked yet is ``deferred``."""
    facts = _facts(connection, ledger, lake, caps, as_of, as_of - window)
    connection.execute(
        f"""
        create or replace temp table replay_left as
        select * from replay_intents order by intent_id;
        create or replace temp table {answer} as
        select intent_id, 'deferred' as decision, 'scheduled' as gate,
            cast(null as varchar) as detail, cast(null as varchar) as capped_by,
            cast(null as timestamp) as scheduled_at
        from replay_intents
        """
    )
    runs = connection.execute("select run_at from replay_runs order by 1").fetchall()
    ahead = timedelta(hours=caps.queue_ahead_hours)
    for (run_at,) in runs:
        horizon = time_sql(run_at + ahead)
        connection.execute(
            f"""
            create or replace temp table replay_asked as
            select * from replay_left
            where known_at <= $1 and scheduled_at <= {horizon}
                and coalesce(deferred_until <= {horizon}, true)
            """,
            [run_at],
        )
        if connection.execute("select 1 from replay_asked limit 1").fetchone() is None:
            continue
        decided = decide(connection, "replay_asked", facts, caps, run_at, time_zone)
        connection.register("replay_told", decided)
        connection.execute(_TAKE.format(answer=answer))
        connection.unregister("replay_told")


#: What a run decided goes into the answer; what it queued counts from then on.
_TAKE = """
    create or replace temp table replay_now as from replay_told;
    update {answer} as answer set
        decision = told.decision, gate = told.gate, detail = told.detail,
        scheduled_at = told.scheduled_at,
        capped_by = coalesce(answer.capped_by, case when told.gate = 'cap' then told.detail end)
    from replay_now as told where answer.intent_id = told.intent_id;
    insert into replay_sent
    select asked.intent_id, asked.contact_id, asked.message_class, asked.channel, told.scheduled_at
    from replay_now as told join replay_asked as asked on told.intent_id = asked.intent_id
    where told.decision = 'queued';
    delete from replay_left
    where intent_id in (select intent_id from replay_now where decision <> 'deferred');
    update replay_left as waiting set deferred_until = told.deferred_until
    from replay_now as told where waiting.intent_id = told.intent_id
"""


def _facts(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    lake: Lake,
    caps: Caps,
    as_of: datetime,
    since: datetime,
) -> Facts:
    """Today's, but for what was sent: all that is no part of the replay, and what it lets go."""
    facts = known.facts(connection, ledger, lake, caps, as_of, incomplete="replay_incomplete")
    connection.execute(
        f"""
        create or replace temp table replay_sent as
        select * from ({known.sent_sql(lake, caps, since)})
        where message_id not in (select intent_id from replay_intents)
        """
    )
    return replace(facts, sent="replay_sent", pauses=empty(FACT_COLUMNS["pauses"]))
