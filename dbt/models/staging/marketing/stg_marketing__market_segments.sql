select
    {{ json_text('value', 'segment') }} as segment,
    {{ json_text('value', 'name') }} as segment_name,
    {{ json_text('value', 'vertical') }} as vertical,
    {{ json_text('value', 'kind') }} as kind,
    cast({{ json_text('value', 'priority') }} as integer) as priority,
    position,
    cast({{ json_text('value', 'estimate') }} as bigint) as estimate,
    {{ json_text('value', 'estimate_unit') }} as estimate_unit,
    {{ json_text('value', 'counted_in') }} as counted_in
from ({{ parameter_rows('market_segments') }}) as parameter_values
