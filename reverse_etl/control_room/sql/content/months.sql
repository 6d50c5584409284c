with months as (
    select
        vertical,
        month,
        sum(human_touches) as touches,
        sum(views) as views,
        sum(clicks) as clicks,
        sum(downloads) as downloads,
        sum(registrations) as registrations,
        sum(attendances) as attendances,
        sum(plays_and_reads) as plays_and_reads,
        sum(machine_touches) as machine_touches
    from marts.content_performance
    where period = 'month' and vertical is not null
    group by vertical, month
),

kinds as (
    unpivot months
    on
    touches,
    views,
    clicks,
    downloads,
    registrations,
    attendances,
    plays_and_reads,
    machine_touches
    into name kind value counted
)

select
    case kind
        when 'touches' then 'all, by people'
        when 'plays_and_reads' then 'videos watched and case studies read'
        when 'machine_touches' then 'all, by machines'
        else kind
    end as what,
    month,
    vertical,
    counted
from kinds
where month > (select max(month) from months) - interval 24 months
qualify sum(counted) over (partition by kind) > 0
order by
    list_position(
        ['touches', 'views', 'clicks', 'downloads', 'registrations', 'attendances'], kind
    ) nulls last,
    kind,
    vertical,
    month
