select
    {{ json_text('value', 'channel') }} as channel,
    {{ json_text('value', 'provider') }} as provider,
    cast({{ json_text('value', 'weight') }} as integer) as weight,
    position as lane_rank
from ({{ parameter_rows('delivery_lanes') }}) as parameter_values
