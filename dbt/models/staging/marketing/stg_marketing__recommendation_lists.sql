select
    {{ json_text('value', 'kind') }} as kind,
    {{ json_text('value', 'name') }} as name
from ({{ parameter_rows('recommendation_lists') }}) as parameter_values
