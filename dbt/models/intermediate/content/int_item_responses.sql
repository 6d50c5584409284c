{{ config(materialized='view') }}

-- One row per item, stage and persona that met it: how many did more than look, drawn towards the
-- mean of all where few did, and scaled so that a good item has 1.
with touches as (

    select
        touches.content_id,
        touches.contact_id,
        stages.stage,
        coalesce(personas.persona, '') as persona,
        max(case when touches.touch_type <> 'content_view' then 1 else 0 end) as has_acted
    from {{ ref('int_content_touches') }} as touches
    inner join {{ ref('buyer_stages') }} as stages on touches.contact_id = stages.contact_id
    inner join {{ ref('contact_personas') }} as personas
        on touches.contact_id = personas.contact_id
    where touches.is_human
    group by touches.content_id, touches.contact_id, stages.stage, personas.persona

),

settings as (

    select * from {{ ref('stg_marketing__recommendation_settings') }}

),

mean as (

    select {{ ratio('sum(has_acted)', 'count(*)') }} as rate from touches

),

cells as (

    select
        content_id,
        stage,
        persona,
        count(*) as seen,
        sum(has_acted) as acted
    from touches
    group by content_id, stage, persona

),

rated as (

    select
        cells.*,
        (cells.acted + settings.prior_views * mean.rate) / (cells.seen + settings.prior_views)
            as rate,
        mean.rate as unseen_rate
    from cells
    cross join settings
    cross join mean

),

-- The smallest rate that at least this share of the cells does not exceed.
top as (

    select min(ranked.rate) as rate
    from (
        select
            rated.rate,
            settings.top_quantile,
            cume_dist() over (order by rated.rate) as share
        from rated
        cross join settings
    ) as ranked
    where ranked.share >= ranked.top_quantile

)

select
    rated.content_id,
    rated.stage,
    rated.persona,
    rated.seen,
    rated.acted,
    least(1e0, coalesce({{ ratio('rated.rate', 'top.rate') }}, 0e0)) as performance_fit,
    least(1e0, coalesce({{ ratio('rated.unseen_rate', 'top.rate') }}, 0e0))
        as unseen_performance_fit
from rated
cross join top
