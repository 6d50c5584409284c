select
    {{ json_text('value', 'reason') }} as reason,
    {{ json_text('value', 'state') }} as state,
    {{ json_text('value', 'covers') }} as covers,
    cast({{ json_text('value', 'lasting') }} as boolean) as is_lasting
from ({{ parameter_rows('consent_stops') }}) as parameter_values
