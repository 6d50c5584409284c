with sources as (
    select
        'campaign' as source_kind,
        campaign as source_key,
        campaign_name as name,
        count(*) over (partition by campaign_name) as namesakes,
        vertical
    from marts.campaigns

    union all

    select
        'journey' as source_kind,
        journey as source_key,
        journey_name as name,
        count(*) over (partition by journey_name) as namesakes,
        vertical
    from marts.journeys
),

stages as (
    select
        sources.vertical,
        waterfall.source_kind
        || ': '
        || coalesce(sources.name, waterfall.source_key)
        || if(sources.namesakes > 1, ' (' || waterfall.source_key || ')', '') as source,
        waterfall.intended,
        waterfall.position,
        waterfall.stage,
        waterfall.messages,
        waterfall.deferred,
        waterfall.remaining
    from marts.message_waterfall as waterfall
    left join sources
        on
            waterfall.source_kind = sources.source_kind
            and waterfall.source_key = sources.source_key
    where waterfall.intended > 0
),

parts as (
    select
        vertical,
        source,
        intended,
        0 as position,
        'intended' as stage,
        'go on' as what,
        intended as messages
    from stages
    where position = 1

    union all

    select
        vertical,
        source,
        intended,
        position,
        stage,
        'go on' as what,
        remaining as messages
    from stages
    where messages > 0 and remaining > 0

    union all

    select
        vertical,
        source,
        intended,
        position,
        stage,
        'wait here' as what,
        deferred as messages
    from stages
    where deferred > 0

    union all

    select
        vertical,
        source,
        intended,
        position,
        stage,
        case when stage in ('sent', 'underway', 'unknown') then stage else 'end here' end as what,
        messages - deferred as messages
    from stages
    where messages > deferred
)

select
    vertical,
    source,
    stage,
    what,
    messages,
    messages / intended as share
from parts
order by
    intended desc,
    source,
    position,
    list_position(['go on', 'sent', 'underway', 'unknown', 'wait here', 'end here'], what)
