"""The hour within a day at which a message goes: the contact's best one, or one drawn by chance.

Some messages go at any allowed hour, so that it shows what the other hours are worth. Each says
with which probability it got the time that it got.
"""

from __future__ import annotations

import duckdb

from reverse_etl.gates.facts import Facts
from workspace.buckets import BUCKETS, bucket_sql
from workspace.definitions.caps import Caps

#: Salts of who goes at a random hour, and at which.
EXPLORES, HOUR = "send_time", "send_hour"


def choose_hours(
    connection: duckdb.DuckDBPyConnection, intents: str, facts: Facts, caps: Caps
) -> None:
    """Move ``due_at`` in ``gate_asked`` to an hour within a day that is allowed and in time.

    ``detail`` becomes JSON: ``hour`` is best (the contact's own), default, random, or planned
    where neither of the first two is allowed; ``propensity`` the probability of that time. The
    tables ``gate_calendars`` and ``gate_spans`` say when it is quiet.
    """
    connection.execute(_choosing_sql(intents, facts, caps))
    connection.execute(_HOURS)
    connection.execute(_BEST)
    connection.execute(_chosen_sql(caps.send_time.explore))
    connection.execute(
        """
        update gate_asked as asked set due_at = chosen.due_at, detail = chosen.detail
        from gate_chosen as chosen where asked.number = chosen.number
        """
    )


def _choosing_sql(intents: str, facts: Facts, caps: Caps) -> str:
    """Tables ``gate_choosing``, a message with its hours, and ``gate_moments``, what decides which
    hours are allowed: messages of a campaign have it in common."""
    default = caps.send_time.default_hour
    limit = round(caps.send_time.explore * BUCKETS)
    return f"""
        create or replace temp table gate_choosing as
        select
            asked.number, asked.due_at, asked.not_after, asked.time_zone, calendars.calendar,
            coalesce(send_times.weekday_hour, {default}) as weekday_hour,
            coalesce(send_times.weekend_hour, {default}) as weekend_hour,
            send_times.weekday_hour is not null as knows_weekday,
            send_times.weekend_hour is not null as knows_weekend,
            {bucket_sql(f"'{EXPLORES}'", "intents.intent_id")} < {limit} as explores,
            {bucket_sql(f"'{HOUR}'", "intents.intent_id", 1 << 32)} as drawn
        from gate_asked as asked
        inner join {intents} as intents on asked.number = intents.rowid
        left join {facts.send_times} as send_times
            on intents.contact_id = send_times.contact_id
            and asked.channel = send_times.channel
        left join gate_calendars as calendars
            on asked.channel = calendars.channel
            and asked.message_class = calendars.message_class
            and asked.time_zone = calendars.time_zone
            and asked.country is not distinct from calendars.country
        where asked.gate is null and asked.chooses_hour;
        create or replace temp table gate_moments as
        select row_number() over () as moment, moments.*
        from (
            select distinct coalesce(calendar, -1) as calendar, time_zone, due_at, not_after
            from gate_choosing
        ) as moments
    """


#: The hours of a moment's day that are allowed and in time.
_HOURS = """
    create or replace temp table gate_hours as
    with days as (
        select moments.*,
            date_trunc('day', timezone(moments.time_zone, timezone('UTC', moments.due_at)))
                + to_days(aheads.ahead) as day
        from gate_moments as moments cross join (values (0), (1)) as aheads(ahead)
    ),
    hours as (
        select days.*, numbers.hour::integer as hour,
            timezone('UTC', timezone(days.time_zone, days.day + to_hours(numbers.hour)))
                as starts_at
        from days cross join range(24) as numbers(hour)
    )
    select hours.moment, isodow(hours.day) < 6 as is_weekday, hours.hour, hours.starts_at
    from hours
    where hours.starts_at >= hours.due_at
        and hours.starts_at < hours.due_at + interval 24 hours
        and hours.starts_at < hours.not_after
        and (
            hours.calendar < 0
            or exists (
                select 1 from gate_spans as spans
                where spans.calendar = hours.calendar
                    and spans.starts_at <= hours.starts_at and hours.starts_at < spans.ends_at
            )
        )
"""

_BEST = """
    create or replace temp table gate_best as
    with wanted as (
        select number, calendar, time_zone, due_at, not_after, true as is_weekday,
            weekday_hour as hour, knows_weekday as is_known
        from gate_choosing
        union all
        select number, calendar, time_zone, due_at, not_after, false, weekend_hour, knows_weekend
        from gate_choosing
    )
    select wanted.number, min(hours.starts_at) as best_at,
        arg_min(wanted.is_known, hours.starts_at) as is_known
    from wanted
    inner join gate_moments as moments
        on coalesce(wanted.calendar, -1) = moments.calendar
        and wanted.time_zone = moments.time_zone
        and wanted.due_at = moments.due_at and wanted.not_after = moments.not_after
    inner join gate_hours as hours
        on moments.moment = hours.moment
        and wanted.is_weekday = hours.is_weekday and wanted.hour = hours.hour
    group by wanted.number
"""


def _chosen_sql(explore: float) -> str:
    return f"""
        create or replace temp table gate_chosen as
        with spreads as (
            select moment, list(distinct starts_at order by starts_at) as hours
            from gate_hours group by moment
        ),
        offered as (
            select
                choosing.number, choosing.due_at, choosing.drawn, best.best_at, best.is_known,
                coalesce(spreads.hours, []) as hours,
                choosing.explores and spreads.hours is not null as is_random
            from gate_choosing as choosing
            inner join gate_moments as moments
                on coalesce(choosing.calendar, -1) = moments.calendar
                and choosing.time_zone = moments.time_zone
                and choosing.due_at = moments.due_at and choosing.not_after = moments.not_after
            left join spreads on moments.moment = spreads.moment
            left join gate_best as best on choosing.number = best.number
        ),
        chosen as (
            select
                number, hours, coalesce(best_at, due_at) as preferred_at,
                case when is_random then hours[1 + drawn % len(hours)]
                    else coalesce(best_at, due_at) end as due_at,
                case when is_random then 'random' when best_at is null then 'planned'
                    when is_known then 'best' else 'default' end as hour
            from offered
        )
        select
            number, due_at,
            concat('{{"hour": "', hour, '", "propensity": ', round(
                case
                    when len(hours) = 0 then 1
                    else case when due_at = preferred_at then 1 - {explore!r} else 0 end
                        + case when list_contains(hours, due_at)
                            then {explore!r} / len(hours) else 0 end
                end, 6
            ), '}}') as detail
        from chosen
    """
