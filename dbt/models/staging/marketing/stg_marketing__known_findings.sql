select
    {{ json_text('value', 'finding') }} as finding
from ({{ parameter_rows('known_findings') }}) as parameter_values
