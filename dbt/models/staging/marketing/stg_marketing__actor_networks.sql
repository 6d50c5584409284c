select
    parameter_key as network_id,
    {{ json_text('value', 'rule') }} as actor_rule,
    cast({{ json_text('value', 'confidence') }} as double) as confidence,
    cast({{ json_text('value', 'first_address') }} as bigint) as first_address,
    cast({{ json_text('value', 'last_address') }} as bigint) as last_address
from ({{ parameter_rows('actor_networks') }}) as parameter_values
