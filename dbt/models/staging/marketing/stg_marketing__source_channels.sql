select
    {{ json_text('value', 'kind') }} as kind,
    {{ json_text('value', 'word') }} as word,
    {{ json_text('value', 'channel') }} as channel
from ({{ parameter_rows('source_channels') }}) as parameter_values
