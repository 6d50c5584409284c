select
    {{ json_text('value', 'provider') }} as provider,
    {{ json_text('value', 'channel') }} as channel,
    cast({{ json_text('value', 'is_live') }} as boolean) as is_live,
    cast({{ json_text('value', 'per_second') }} as double) as per_second,
    cast({{ json_text('value', 'in_flight') }} as integer) as in_flight,
    position
from ({{ parameter_rows('delivery_providers') }}) as parameter_values
