select
    parameter_key as case_id,
    position,
    {{ json_text('value', 'rule_id') }} as rule_id,
    {{ json_text('value', 'persona') }} as persona,
    {{ json_text('value', 'vertical') }} as vertical,
    {{ json_text('value', 'role') }} as role,
    {{ json_text('value', 'account_type') }} as account_type,
    cast({{ json_text('value', 'age_from') }} as integer) as age_from,
    cast({{ json_text('value', 'age_below') }} as integer) as age_below
from ({{ parameter_rows('persona_rules') }}) as parameter_values
