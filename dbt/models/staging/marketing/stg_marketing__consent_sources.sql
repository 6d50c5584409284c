select
    {{ json_text('value', 'source_class') }} as source_class,
    {{ json_text('value', 'authority') }} as authority,
    position as authority_position
from ({{ parameter_rows('consent_sources') }}) as parameter_values
