select
    {{ json_text('value', 'age_property') }} as age_property
from ({{ parameter_rows('persona_settings') }}) as parameter_values
