"""Frequency caps: which of a contact's messages go first, and what the others wait for.

A contact's messages are asked in order of priority. One is admitted when every cap that concerns
it has room at the moment at which it would go out; it then counts against the next. Whoever has
room for all is admitted at once; for the others there is a round for each place in the order.
"""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa

from reverse_etl.gates.facts import Facts
from workspace.definitions.caps import Caps

#: Local weeks begin on Monday at midnight.
_WEEK = (
    "timezone('UTC', timezone({zone}, date_trunc('week', timezone({zone}, timezone('UTC', {at})))"
    " + to_days({days})))"
)


def admit(
    connection: duckdb.DuckDBPyConnection,
    intents: str,
    facts: Facts,
    caps: Caps,
    as_of: datetime,
) -> None:
    """Answer in ``gate_asked`` for those that a cap stops: with the cap, the moment at which it
    has room again (NULL: never) and the message that took the last place."""
    _tabulate(connection, caps)
    _who_is_concerned(connection, intents, facts, as_of)
    rounds = connection.execute("select coalesce(max(place), 0) from gate_tight").fetchone()
    connection.execute(_STOPPED)
    for place in range(1, (rounds[0] if rounds else 0) + 1):
        connection.execute(_ROUND, [place])
        connection.execute(_COUNT)
        connection.execute(_STOP)
    connection.execute(_ANSWER)


def _tabulate(connection: duckdb.DuckDBPyConnection, caps: Caps) -> None:
    limited = [(n, cap) for n, cap in enumerate(caps.caps) if cap.limit is not None]
    rows = [
        {
            "cap": n,
            "id": cap.id,
            "message_class": name,
            "channel": channel,
            "places": cap.limit,
            "micros": None if cap.days is None else round(cap.days * 86_400_000_000),
        }
        for n, cap in limited
        for name in cap.classes
        for channel in cap.channels
    ]
    schema = pa.schema(
        [
            ("cap", pa.int64()),
            ("id", pa.string()),
            ("message_class", pa.string()),
            ("channel", pa.string()),
            ("places", pa.int64()),
            ("micros", pa.int64()),
        ]
    )
    connection.register("gate_given", pa.Table.from_pylist(rows, schema=schema))
    connection.execute("create or replace temp table gate_caps as from gate_given")
    connection.unregister("gate_given")


def _who_is_concerned(
    connection: duckdb.DuckDBPyConnection, intents: str, facts: Facts, as_of: datetime
) -> None:
    """Tables ``gate_tight``, the messages of people who may not get all, and ``gate_counted``,
    what counts already against which cap. A person is a number: texts are slow to join by."""
    connection.execute(
        f"""
        create or replace temp table gate_candidates as
        select asked.number, intents.contact_id, asked.message_class, asked.channel,
            asked.due_at, asked.time_zone
        from gate_asked as asked
        inner join {intents} as intents on asked.number = intents.rowid
        where asked.gate is null and not asked.skips_cap;
        create or replace temp table gate_people as
        select contact_id, any_value(time_zone) as time_zone, min(number) as person
        from gate_candidates group by contact_id
        """
    )
    begin = _WEEK.format(zone="sent.time_zone", at="sent.sent_at", days=0)
    end = _WEEK.format(zone="sent.time_zone", at="sent.sent_at", days=7)
    connection.execute(
        f"""
        create or replace temp table gate_sent as
        select
            people.person, people.time_zone, caps.cap, caps.micros, sent.message_id, sent.sent_at
        from {facts.sent} as sent
        inner join gate_people as people on sent.contact_id = people.contact_id
        inner join gate_caps as caps
            on sent.message_class = caps.message_class and sent.channel = caps.channel
        -- Local weeks end no later than eight days from any moment in them.
        where sent.sent_at + to_microseconds(coalesce(caps.micros, 691200000000)) > $1
        """,
        [as_of],
    )
    connection.execute(
        f"""
        create or replace temp table gate_tight as
        with wanted as (
            select people.person, caps.cap
            from gate_candidates as candidates
            inner join gate_people as people on candidates.contact_id = people.contact_id
            inner join gate_caps as caps
                on candidates.message_class = caps.message_class
                and candidates.channel = caps.channel
            union all
            select person, cap from gate_sent
        ),
        places as (select distinct cap, places from gate_caps),
        tight as (
            select distinct wanted.person
            from (select person, cap, count(*) as wanted from wanted group by all) as wanted
            inner join places on wanted.cap = places.cap
            where wanted.wanted > places.places
        ),
        concerned as (
            select candidates.*, people.person
            from tight
            inner join gate_people as people on tight.person = people.person
            inner join gate_candidates as candidates on people.contact_id = candidates.contact_id
        )
        select
            concerned.* exclude (contact_id), intents.intent_id,
            row_number() over (
                partition by concerned.person
                order by
                    coalesce(intents.priority, 0) desc, intents.expected_value desc nulls last,
                    intents.scheduled_at, intents.source_key, intents.step, intents.occurrence,
                    intents.channel, intents.intent_id
            ) as place
        from concerned
        inner join {intents} as intents on concerned.number = intents.rowid
        """
    )
    connection.execute(
        f"""
        create or replace temp table gate_counted as
        select
            sent.person, sent.cap, sent.message_id as intent_id, sent.sent_at as due_at,
            cast(0 as bigint) as place,
            case when sent.micros is null then {begin} else timestamp '-infinity' end as enters_at,
            case when sent.micros is null then {end}
                else sent.sent_at + to_microseconds(sent.micros) end as leaves_at
        from gate_sent as sent
        where sent.person in (select person from gate_tight)
        """
    )


#: The messages of one place in everybody's order, with the cap that stops each, if one does: of
#: several the one that has room last. Room is when so many have left that one place is free.
_ROUND = """
    create or replace temp table gate_round as
    with tried as (
        select tight.*, caps.cap, caps.id, caps.places, caps.micros
        from gate_tight as tight
        left join gate_caps as caps
            on tight.message_class = caps.message_class and tight.channel = caps.channel
        where tight.place = $1
    ),
    filled as (
        select
            tried.number, tried.cap, any_value(tried.id) as id, any_value(tried.places) as places,
            count(counted.leaves_at) as used,
            list(counted.leaves_at order by counted.leaves_at)
                filter (where counted.leaves_at is not null) as leaves,
            max_by(
                counted.intent_id, (counted.place, counted.due_at, counted.intent_id)
            ) as winner
        from tried
        left join gate_counted as counted
            on tried.person = counted.person and tried.cap = counted.cap
            and counted.enters_at <= tried.due_at and tried.due_at < counted.leaves_at
        where tried.cap is not null
        group by tried.number, tried.cap
    ),
    stopped as (
        select
            number, id, winner,
            case when places > 0 then leaves[used - places + 1] end as free_at
        from filled
        where used >= places
        qualify row_number() over (
            partition by number order by free_at desc nulls first, cap
        ) = 1
    )
    select distinct
        tried.number, tried.intent_id, tried.person, tried.due_at, tried.place, tried.time_zone,
        tried.message_class, tried.channel, stopped.id as stopped_by, stopped.winner,
        stopped.free_at
    from tried left join stopped on tried.number = stopped.number
"""

_COUNT = f"""
    insert into gate_counted
    select
        admitted.person, caps.cap, admitted.intent_id, admitted.due_at, admitted.place,
        case when caps.micros is null
            then {_WEEK.format(zone="admitted.time_zone", at="admitted.due_at", days=0)}
            else timestamp '-infinity' end,
        case when caps.micros is null
            then {_WEEK.format(zone="admitted.time_zone", at="admitted.due_at", days=7)}
            else admitted.due_at + to_microseconds(caps.micros) end
    from gate_round as admitted
    inner join gate_caps as caps
        on admitted.message_class = caps.message_class and admitted.channel = caps.channel
    where admitted.stopped_by is null
"""

_STOPPED = """
    create or replace temp table gate_stopped (
        number bigint, stopped_by varchar, free_at timestamp, winner varchar
    )
"""

_STOP = """
    insert into gate_stopped
    select number, stopped_by, free_at, winner from gate_round where stopped_by is not null
"""

_ANSWER = """
    update gate_asked as asked set
        gate = 'cap',
        detail = stopped.stopped_by,
        held_until = stopped.free_at,
        winner = stopped.winner
    from gate_stopped as stopped
    where asked.number = stopped.number
"""
