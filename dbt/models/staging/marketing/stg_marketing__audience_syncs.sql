select
    {{ json_text('value', 'audience') }} as audience,
    {{ json_text('value', 'name') }} as name,
    {{ json_text('value', 'segment') }} as segment,
    {{ json_text('value', 'destination') }} as destination,
    {{ json_text('value', 'purpose') }} as purpose,
    position
from ({{ parameter_rows('audience_syncs') }}) as parameter_values
