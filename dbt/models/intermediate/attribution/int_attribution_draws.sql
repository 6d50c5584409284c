{{ config(materialized='view') }}

{% set models = attribution_models() -%}
-- One row per scope, model, level (channel, campaign), name and replicate with credit.
with replicates as (

    select
        vertical,
        goal,
        channel,
        campaign_id,
        replicate,
        {{ credit_columns('sum(credit_MODEL)') }}
    from {{ ref('int_attribution_replicates') }}
    group by vertical, goal, channel, campaign_id, replicate

),

levels as (

    {% for level, name in [('channel', 'channel'), ('campaign', 'campaign_id')] -%}
    select
        vertical,
        '{{ level }}' as level,
        {{ name }} as name,
        replicate,
        {{ credit_columns('sum(credit_MODEL)') }}
    from replicates
    group by vertical, {{ name }}, replicate
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Shares of the Shapley value as fitted to each replicate; its campaigns keep the shares of all.
refitted as (

    select * from {{ ref('stg_models__attribution_effects') }}
    where model = 'shapley' and path = '' and replicate > 0 and channel != ''

),

worth as (

    select
        vertical,
        goal,
        replicate,
        sum(credit_linear) as revenue
    from replicates
    where channel != 'unattributed'
    group by vertical, goal, replicate

),

reshared as (

    select
        refitted.vertical,
        refitted.channel,
        refitted.replicate,
        sum(refitted.value * worth.revenue) as credit
    from refitted
    inner join worth
        on
            refitted.vertical = worth.vertical
            and refitted.goal = worth.goal
            and refitted.replicate = worth.replicate
    group by refitted.vertical, refitted.channel, refitted.replicate

),

long as (

    select
        levels.vertical,
        models.model,
        levels.level,
        levels.name,
        levels.replicate,
        case models.model
            {% for model in models -%}
            when '{{ model }}'
                then {{ 'coalesce(reshared.credit, levels.credit_shapley)' if model == 'shapley'
                    else 'levels.credit_' ~ model }}
            {% endfor %}
        end as credit
    from levels
    cross join {{ ref('attribution_models') }} as models
    left join reshared
        on
            models.model = 'shapley'
            and levels.level = 'channel'
            and levels.vertical = reshared.vertical
            and levels.name = reshared.channel
            and levels.replicate = reshared.replicate

)

select
    vertical as scope,
    model,
    level,
    name,
    replicate,
    credit
from long
union all
select
    'company' as scope,
    model,
    level,
    name,
    replicate,
    sum(credit) as credit
from long
group by model, level, name, replicate
