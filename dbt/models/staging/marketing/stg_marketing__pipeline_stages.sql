select
    {{ json_text('value', 'vertical') }} as vertical,
    {{ json_text('value', 'pipeline') }} as pipeline,
    {{ json_text('value', 'pipeline_name') }} as pipeline_name,
    {{ json_text('value', 'stage') }} as stage,
    {{ json_text('value', 'name') }} as stage_name,
    position,
    cast({{ json_text('value', 'is_won') }} as boolean) as is_won,
    cast({{ json_text('value', 'is_lost') }} as boolean) as is_lost
from ({{ parameter_rows('pipeline_stages') }}) as parameter_values
