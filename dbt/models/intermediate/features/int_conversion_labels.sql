-- By all that is known at as_of, unlike the features: who is accepted by sales, or further, within
-- 90 days and was not before. Left out where the 90 days are not over.
{% set horizon_days = 90 -%}
with conversions as (

    select
        contact_id,
        min(converted_at) as converted_at
    from {{ ref('int_lead_conversions') }}
    group by contact_id

)

select
    history.contact_id,
    history.snapshot_at,
    coalesce(
        conversions.converted_at < {{ days_later('history.snapshot_at', horizon_days) }}, false
    ) as is_positive
from {{ ref('int_contact_feature_history') }} as history
inner join {{ ref('stg_system__run_context') }} as run_context
    on {{ days_later('history.snapshot_at', horizon_days) }} <= run_context.as_of
left join conversions on history.contact_id = conversions.contact_id
where coalesce(conversions.converted_at >= history.snapshot_at, conversions.contact_id is null)
