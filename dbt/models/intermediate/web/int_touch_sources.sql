-- Every combination of what can say where a visit or another touch came from. There are few of them
-- however many visits there are.
with interactions as (

    select * from {{ ref('int_interactions') }}

),

forms as (

    select
        {{ form_source_key() }} as source_key,
        nullif(lower(trim(utm_source)), '') as source,
        nullif(lower(trim(utm_medium)), '') as medium,
        nullif(trim(utm_campaign), '') as campaign
    from {{ ref('stg_forms__submissions') }}

)

select
    source_key,
    source,
    medium,
    campaign,
    click_id_name,
    referrer_host,
    cast(null as varchar) as touch
from interactions
where source_key is not null
union
select
    source_key,
    source,
    medium,
    campaign,
    null as click_id_name,
    null as referrer_host,
    null as touch
from forms
where coalesce(source, medium, campaign) is not null
union all
select
    'touch/' || touch as source_key,
    null as source,
    null as medium,
    null as campaign,
    null as click_id_name,
    null as referrer_host,
    touch
from (
    select event_type as touch
    from {{ ref('stg_programmes__attendees') }}
    where event_type is not null
    union
    select 'meeting' as touch
) as touches
union all
select
    '{{ no_source() }}' as source_key,
    null as source,
    null as medium,
    null as campaign,
    null as click_id_name,
    null as referrer_host,
    null as touch
