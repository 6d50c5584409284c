{{ config(materialized='view') }}

-- One row per vertical and month with conversions or touches: what the confidence score and the
-- attributed shares are made of.
with paths as (

    select * from {{ ref('attribution_touchpoints') }}
    where is_in_lookback

),

nobodys as (

    select named.parameter_key as channel
    from ({{ parameter_rows('attribution_not_marketing') }}) as named
    union
    select 'unattributed' as channel

),

judged as (

    select
        paths.conversion_id,
        min(
            case
                when paths.touched_at is null then 0
                -- A contact's own path needs no organisation.
                when paths.unit_id != paths.contact_id and inferred.parameter_key is not null then 0
                else 1
            end
        ) as is_identified,
        max(case when paths.channel in ('unattributed', 'direct') then 0 else 1 end) as is_covered,
        max(case when nobodys.channel is null then 1 else 0 end) as is_influenced
    from paths
    left join {{ ref('int_contacts') }} as contacts on paths.contact_id = contacts.contact_id
    left join ({{ parameter_rows('attribution_inferred_links') }}) as inferred
        on contacts.account_evidence = inferred.parameter_key
    left join nobodys on paths.channel = nobodys.channel
    group by paths.conversion_id

),

credited as (

    select
        credits.conversion_id,
        sum(case when models.is_primary and nobodys.channel is null then credits.credit_base end)
            as marketing_credit,
        max(credits.credit_base) is not null as is_known,
        sum(credits.credit_base) as all_credit,
        count(distinct credits.model) as models
    from {{ ref('attribution_credits') }} as credits
    inner join {{ ref('attribution_models') }} as models on credits.model = models.model
    left join nobodys on credits.channel = nobodys.channel
    group by credits.conversion_id

),

converted as (

    select
        conversions.vertical,
        {{ month_of('conversions.converted_on') }} as month,
        count(*) as conversions,
        count(*) - count(conversions.revenue_base) as unknown_revenue,
        sum(conversions.revenue_base) as revenue,
        sum(case when judged.is_identified = 1 then conversions.revenue_base else 0 end)
            as identified_revenue,
        sum(case when judged.is_covered = 1 then conversions.revenue_base else 0 end)
            as covered_revenue,
        sum(case when judged.is_influenced = 1 then conversions.revenue_base else 0 end)
            as influenced_revenue,
        sum(coalesce(credited.marketing_credit, 0)) as marketing_credit,
        sum(
            case
                when credited.all_credit = conversions.revenue_base * credited.models then 0
                when conversions.revenue_base is null and not credited.is_known then 0
                else 1
            end
        ) as unbalanced
    from {{ ref('int_attribution_conversions') }} as conversions
    left join judged on conversions.conversion_id = judged.conversion_id
    left join credited on conversions.conversion_id = credited.conversion_id
    group by conversions.vertical, {{ month_of('conversions.converted_on') }}

),

touched as (

    select
        coalesce(touches.vertical, 'unassigned') as vertical,
        {{ month_of('touches.occurred_on') }} as month,
        count(*) as touches,
        sum(
            case
                when
                    touches.actor_class != 'machine'
                    and touches.channel != 'unknown'
                    and (touches.touch_type != 'ad_click' or names.campaign_id is not null)
                    then 1
                else 0
            end
        ) as good_touches
    from {{ ref('fct_touchpoints') }} as touches
    inner join ({{ parameter_rows('attribution_touch_types') }}) as touch_types
        on touches.touch_type = touch_types.parameter_key
    left join {{ ref('int_campaign_names') }} as names on lower(touches.campaign) = names.known_name
    where touches.contact_id is not null
    group by coalesce(touches.vertical, 'unassigned'), {{ month_of('touches.occurred_on') }}

)

select
    coalesce(converted.vertical, touched.vertical) as vertical,
    coalesce(converted.month, touched.month) as month,
    coalesce(converted.conversions, 0) as conversions,
    coalesce(converted.unknown_revenue, 0) as unknown_revenue,
    coalesce(converted.revenue, 0) as revenue,
    coalesce(converted.identified_revenue, 0) as identified_revenue,
    coalesce(converted.covered_revenue, 0) as covered_revenue,
    coalesce(converted.influenced_revenue, 0) as influenced_revenue,
    coalesce(converted.marketing_credit, 0) as marketing_credit,
    coalesce(converted.unbalanced, 0) as unbalanced,
    coalesce(touched.touches, 0) as touches,
    coalesce(touched.good_touches, 0) as good_touches
from converted
full join touched on converted.vertical = touched.vertical and converted.month = touched.month
