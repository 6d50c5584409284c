with returns as (

    select * from {{ ref('int_attribution_returns') }}

),

compared as (

    select
        scope,
        level,
        name,
        max(spend_base) as spend_base,
        min(place) as best_place,
        max(place) as worst_place,
        min(roas) as lowest_roas,
        max(roas) as highest_roas,
        min_by(model, roas) as lowest_model,
        max_by(model, roas) as highest_model
    from returns
    group by scope, level, name

)

select
    scope,
    level,
    name,
    cast(spend_base as decimal(18, 4)) as spend_base,
    spend_base * 1e0 / sum(spend_base) over (partition by scope, level) as spend_share,
    best_place,
    worst_place,
    best_place = worst_place as is_safe,
    lowest_roas,
    highest_roas,
    lowest_model,
    highest_model
from compared
