with returns as (

    select * from {{ ref('int_attribution_returns') }}
    where level = 'channel' and roas is not null

),

pairs as (

    select
        givers.scope,
        givers.name as from_channel,
        takers.name as to_channel,
        count(*) as models,
        sum(case when takers.roas > givers.roas then 1 else 0 end) as models_in_favour,
        min(takers.roas - givers.roas) as lowest_gain,
        max(takers.roas - givers.roas) as highest_gain
    from returns as givers
    inner join returns as takers
        on
            givers.scope = takers.scope
            and givers.model = takers.model
            and givers.name != takers.name
    group by givers.scope, givers.name, takers.name

)

select
    scope,
    from_channel,
    to_channel,
    models,
    cast(models_in_favour as bigint) as models_in_favour,
    models_in_favour = models as is_safe,
    lowest_gain,
    highest_gain
from pairs
