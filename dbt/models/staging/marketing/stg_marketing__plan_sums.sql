select
    parameter_key,
    position,
    {{ json_text('value', 'sum_id') }} as sum_id,
    {{ json_text('value', 'scope') }} as scope,
    {{ json_text('value', 'unit') }} as unit,
    {{ json_text('value', 'kind') }} as kind,
    {{ json_text('value', 'name') }} as name,
    cast({{ json_text('value', 'value') }} as double) as stated_value,
    coalesce({{ json_text('value', 'compare') }}, 'equal') as compare,
    {{ json_text('value', 'note') }} as source_note
from ({{ parameter_rows('plan_sums') }}) as parameter_values
