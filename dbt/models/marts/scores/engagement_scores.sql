{% set parts = engagement_parts() -%}
with components as (

    {{ engagement_components(ref('int_contact_touches'), with_evidence=true) }}

)

select
    contacts.contact_id,
    contacts.account_id,
    contacts.vertical,
    coalesce(components.engagement_score, 0e0) as engagement_score,
    {% for name in parts -%}
    coalesce(components.{{ name }}, 0e0) as {{ name }},
    {% endfor -%}
    {% for name in parts -%}
    coalesce(components.{{ name }}_points, 0e0) as {{ name }}_points,
    {% endfor -%}
    coalesce(components.touches, 0) as touches,
    components.last_touch_at,
    components.last_touch_ids,
    components.intent_touch_ids
from {{ ref('int_contacts') }} as contacts
left join components on contacts.contact_id = components.contact_id
left join {{ ref('int_profiling_objections') }} as objections
    on contacts.contact_id = objections.contact_id
where
    objections.contact_id is null
    and exists (select 1 from ({{ parameter_rows('engagement_settings') }}) as settings)
