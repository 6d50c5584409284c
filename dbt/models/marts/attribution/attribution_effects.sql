with effects as (

    select * from {{ ref('stg_models__attribution_effects') }}
    where path = ''

),

wholes as (

    select
        vertical,
        goal,
        model,
        value
    from effects
    where channel = ''

),

channels as (

    select * from effects
    where channel != ''

)

select
    channels.vertical,
    channels.goal,
    channels.channel,
    max(case when channels.model = 'markov' then channels.value end) as removal_effect,
    max(case when channels.model = 'markov' then channels.value end) / nullif(
        sum(max(case when channels.model = 'markov' then channels.value end)) over (
            partition by channels.vertical, channels.goal
        ), 0
    ) as markov_global_share,
    max(case when channels.model = 'shapley' then channels.value end) as shapley_share,
    max(case when wholes.model = 'markov' then wholes.value end) as conversion_probability,
    max(case when wholes.model = 'shapley' then wholes.value end) as shapley_clipped_share
from channels
left join wholes
    on
        channels.vertical = wholes.vertical
        and channels.goal = wholes.goal
        and channels.model = wholes.model
group by channels.vertical, channels.goal, channels.channel
