-- Clicks a mail of each hour, of all contacts and of each segment: the few mails of an hour are
-- smoothed toward the rate one level up, at last that of all hours on such days.
with sent as (

    select * from {{ ref('int_mail_hours') }}

),

settings as (

    select {{ json_number('smoothing') }} as smoothing
    from ({{ parameter_rows('send_time_settings') }}) as found

),

kinds as (

    select
        day_kind,
        sum(clicks) / cast(sum(sends) as double) as click_rate
    from sent
    group by day_kind

),

hours as (

    select
        kinds.day_kind,
        kinds.click_rate,
        cast(numbers.local_hour as integer) as local_hour
    from (select {{ each_number(0, 23) }} as local_hour) as numbers
    cross join kinds

),

by_hour as (

    select
        day_kind,
        local_hour,
        sum(sends) as sends,
        sum(clicks) as clicks
    from sent
    group by day_kind, local_hour

),

of_all as (

    select
        hours.day_kind,
        hours.local_hour,
        {{ smoothed('by_hour', 'hours.click_rate', 'settings.smoothing') }} as click_rate
    from hours
    cross join settings
    left join by_hour
        on hours.day_kind = by_hour.day_kind and hours.local_hour = by_hour.local_hour

),

segments as (

    select distinct
        coalesce(vertical, '') as vertical,
        coalesce(persona, '') as persona
    from sent

),

by_segment as (

    select
        coalesce(vertical, '') as vertical,
        coalesce(persona, '') as persona,
        day_kind,
        local_hour,
        sum(sends) as sends,
        sum(clicks) as clicks
    from sent
    group by coalesce(vertical, ''), coalesce(persona, ''), day_kind, local_hour

)

select
    segments.vertical,
    segments.persona,
    of_all.day_kind,
    of_all.local_hour,
    cast(coalesce(by_segment.sends, 0) as bigint) as sends,
    {{ smoothed('by_segment', 'of_all.click_rate', 'settings.smoothing') }} as click_rate
from segments
cross join of_all
cross join settings
left join by_segment
    on
        segments.vertical = by_segment.vertical
        and segments.persona = by_segment.persona
        and of_all.day_kind = by_segment.day_kind
        and of_all.local_hour = by_segment.local_hour
