{% set date_shape = '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+(Z|[+-][0-9:]+)?)?' %}
{% set time_shape = "'^(-?[0-9]{5,15}|" ~ date_shape ~ ")$'" %}

with texts as (

    select * from {{ ref('int_field_texts') }}

)

select
    owner,
    owner_id,
    property,
    value,
    {{ number_from_text('value') }} as number_value,
    case
        when {{ matches('value', time_shape) }} then {{ time_from_text('value') }}
    end as time_value
from texts
