with critical_fields as (

    select * from {{ ref('int_critical_fields') }}

)

select
    stream,
    field,
    month,
    checked_values,
    missing_values,
    refused_values,
    missing_values + refused_values as invalid_values,
    {{ ratio('missing_values + refused_values', 'checked_values') }} as invalid_share
from critical_fields
