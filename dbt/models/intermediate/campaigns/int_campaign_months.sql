-- A broadcast is active in the months it goes out in, any other campaign while it is in force.
with versions as (

    select
        *,
        lead(known_at) over (partition by campaign order by known_at, version_sequence) as until_at
    from {{ ref('stg_campaigns__versions') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

months as (

    select * from {{ ref('int_months') }}

),

spans as (

    select
        versions.campaign,
        versions.campaign_kind,
        versions.status,
        {{ month_of(local_time('versions.known_at', 'reporting.time_zone')) }} as first_month,
        {{ month_of(local_time('versions.until_at', 'reporting.time_zone')) }} as last_month
    from versions
    cross join reporting

),

launches as (

    select
        launches.campaign,
        {{ month_of(local_time('launches.planned_at', 'reporting.time_zone')) }} as month
    from {{ ref('stg_campaigns__launches') }} as launches
    cross join reporting
    where launches.status = 'launched'

)

select distinct
    spans.campaign,
    months.month,
    spans.campaign_kind != 'broadcast' as is_automated
from spans
inner join months
    on
        spans.first_month <= months.month
        and coalesce(spans.last_month >= months.month, true)
left join launches on spans.campaign = launches.campaign and months.month = launches.month
where
    spans.status = 'active'
    and (spans.campaign_kind != 'broadcast' or launches.campaign is not null)
