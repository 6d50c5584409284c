-- Stated totals against the sum of their parts.
with statements as (

    select * from {{ ref('stg_marketing__plan_sums') }}

),

parts as (

    select
        sum_id,
        sum(stated_value) as total,
        string_agg(name, ' + ' order by position) as names
    from statements
    where kind = 'part'
    group by sum_id

)

select
    'stated_sum' as rule,
    statements.scope,
    statements.sum_id as metric,
    cast(null as integer) as plan_year,
    parts.names as reading_a,
    parts.total as value_a,
    statements.name as reading_b,
    statements.stated_value as value_b,
    'The parts differ from the total by '
    || cast(parts.total - statements.stated_value as varchar)
    || coalesce('. ' || statements.source_note, '') as explanation,
    cast(null as varchar) as target_ids
from statements
inner join parts on statements.sum_id = parts.sum_id
where
    statements.kind = 'total'
    and (
        (statements.compare = 'equal' and parts.total <> statements.stated_value)
        or (statements.compare = 'at_least' and parts.total < statements.stated_value)
    )
