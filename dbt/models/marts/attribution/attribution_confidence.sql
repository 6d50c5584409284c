with latest as (

    select confidence.*
    from {{ ref('int_attribution_confidence') }} as confidence
    inner join {{ ref('stg_system__run_context') }} as run_context
        on confidence.month = run_context.as_of_month
    where confidence.metric_window = 'trailing_12m'

),

settings as (

    select * from {{ ref('stg_marketing__attribution_settings') }}

),

{% set parts = ['identity', 'coverage', 'quality', 'stability', 'agreement'] -%}
long as (

    {% for part in parts -%}
    select
        latest.scope,
        '{{ part }}' as part,
        {{ loop.index }} as position,
        latest.{{ part }} as value,
        settings.weight_{{ part }} as weight,
        100 * settings.weight_{{ part }} * (1 - latest.{{ part }}) as points_lost
    from latest
    cross join settings
    union all
    {% endfor -%}
    select
        scope,
        'conservation' as part,
        6 as position,
        conservation as value,
        null as weight,
        null as points_lost
    from latest
    union all
    select
        scope,
        'score' as part,
        7 as position,
        score as value,
        null as weight,
        100 - score as points_lost
    from latest

),

-- Of parts that weigh, the lowest; the earlier of equal ones.
weakest as (

    select
        scope,
        part
    from long
    where weight > 0 and value is not null
    qualify row_number() over (partition by scope order by value, position) = 1

)

select
    long.scope,
    long.part,
    long.position,
    long.value,
    long.weight,
    long.points_lost,
    weakest.part is not null as is_weakest
from long
left join weakest on long.scope = weakest.scope and long.part = weakest.part
