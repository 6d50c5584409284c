{{ config(materialized='view') }}

-- One row per scope, level (channel, campaign), name and compared model: spend, credit and return
-- of the last twelve months, and the place by return. Only what was spent on; what no touch can be
-- of has no place.
with months as (

    select roi.*
    from {{ ref('attribution_roi') }} as roi
    cross join {{ ref('stg_system__run_context') }} as run_context
    inner join {{ ref('attribution_models') }} as models
        on roi.model = models.model and models.is_compared
    where
        roi.month <= run_context.as_of_month
        and roi.month > {{ add_months('run_context.as_of_month', -12) }}

),

levels as (

    select
        vertical as scope,
        'channel' as level,
        channel as name,
        model,
        spend_base,
        credit_base
    from months
    union all
    select
        vertical as scope,
        'campaign' as level,
        campaign_id as name,
        model,
        spend_base,
        credit_base
    from months
    where campaign_id != 'without_campaign'

),

scoped as (

    select * from levels
    union all
    select
        'company' as scope,
        level,
        name,
        model,
        spend_base,
        credit_base
    from levels

),

touched as (

    select distinct
        'channel' as level,
        channel as name
    from {{ ref('int_attribution_touches') }}
    union
    select distinct
        'campaign' as level,
        campaign_id as name
    from {{ ref('int_attribution_touches') }}
    where campaign_id is not null

),

summed as (

    select
        scope,
        level,
        name,
        model,
        sum(spend_base) as spend_base,
        sum(credit_base) as credit_base
    from scoped
    group by scope, level, name, model
    having sum(spend_base) > 0 and count(*) = count(spend_base) and count(*) = count(credit_base)

)

select
    summed.scope,
    summed.level,
    summed.name,
    summed.model,
    summed.spend_base,
    summed.credit_base,
    case when touched.name is not null then summed.credit_base * 1e0 / summed.spend_base end
        as roas,
    case
        when touched.name is not null
            then rank() over (
                partition by summed.scope, summed.level, summed.model
                order by
                    case
                        when touched.name is not null
                            then summed.credit_base * 1e0 / summed.spend_base
                    end desc nulls last
            )
    end as place
from summed
left join touched on summed.level = touched.level and summed.name = touched.name
