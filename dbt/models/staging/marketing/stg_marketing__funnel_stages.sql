select
    {{ json_text('value', 'vertical') }} as vertical,
    {{ json_text('value', 'stage') }} as stage,
    {{ json_text('value', 'name') }} as stage_name,
    position,
    {{ json_text('value', 'metric') }} as metric,
    coalesce(cast({{ json_text('value', 'is_optional') }} as boolean), false) as is_optional,
    {{ json_text('value', 'object') }} as source_object,
    {{ json_text('value', 'property') }} as source_property,
    {{ json_text('value', 'pipeline') }} as pipeline,
    {{ json_text('value', 'crm_stage') }} as crm_stage,
    {{ json_text('value', 'event') }} as event
from ({{ parameter_rows('funnel_stages') }}) as parameter_values
