with contributions as (

    select
        contact_id,
        rule_id,
        rule_group,
        points,
        raw_points,
        touches,
        evidence_ids,
        cast(null as varchar) as field
    from {{ ref('int_lead_touch_points') }}
    where days_back = 0
    union all
    select
        contact_id,
        rule_id,
        rule_group,
        points,
        points as raw_points,
        null as touches,
        null as evidence_ids,
        field
    from {{ ref('int_lead_field_points') }}

)

select contributions.*
from contributions
left join {{ ref('int_profiling_objections') }} as objections
    on contributions.contact_id = objections.contact_id
where objections.contact_id is null
