-- Under every model each conversion's credits sum to its revenue, exactly, in both currencies, and
-- its shares to 1. Sums over channels, campaigns, days or verticals are sums of these.
{{ config(severity='error') }}

with conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

credited as (

    select
        conversion_id,
        model,
        sum(credit) as credit,
        sum(credit_base) as credit_base,
        sum(weight) as weight
    from {{ ref('attribution_credits') }}
    group by conversion_id, model

)

select
    conversions.conversion_id,
    models.model,
    conversions.revenue,
    credited.credit,
    conversions.revenue_base,
    credited.credit_base
from conversions
cross join {{ ref('stg_marketing__attribution_models') }} as models
left join credited
    on conversions.conversion_id = credited.conversion_id and models.model = credited.model
where
    credited.conversion_id is null
    or credited.credit is distinct from conversions.revenue
    or credited.credit_base is distinct from conversions.revenue_base
    or abs(credited.weight - 1) > 1e-9
