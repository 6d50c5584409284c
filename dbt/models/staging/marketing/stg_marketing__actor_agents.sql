select
    parameter_key as agent_id,
    {{ json_text('value', 'rule') }} as actor_rule,
    cast({{ json_text('value', 'confidence') }} as double) as confidence,
    {{ json_text('value', 'pattern') }} as agent_pattern,
    {{ json_text('value', 'is_visit') }} = 'true' as is_visit,
    {{ json_text('value', 'is_open') }} = 'true' as is_open,
    {{ json_text('value', 'is_click') }} = 'true' as is_click
from ({{ parameter_rows('actor_agents') }}) as parameter_values
