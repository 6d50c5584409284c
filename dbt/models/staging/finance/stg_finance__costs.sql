-- The latest restatement of each vertical, month, line and scenario.
with costs as (

    select *
    from {{ source('lake', 'costs') }}
    qualify row_number() over (
        partition by vertical, cost_month, line, scenario
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    coalesce(vertical, 'unassigned') as vertical,
    {{ month_of('cost_month') }} as cost_month,
    line,
    scenario,
    cost_class,
    channel,
    amount,
    currency,
    known_at
from costs
