select
    parameter_key as model,
    position,
    {{ json_text('value', 'kind') }} as kind,
    cast({{ json_text('value', 'is_primary') }} as boolean) as is_primary,
    cast({{ json_text('value', 'is_compared') }} as boolean) as is_compared,
    {{ json_text('value', 'parameters') }} as parameters
from ({{ parameter_rows('attribution_models') }}) as parameter_values
