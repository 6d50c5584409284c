select
    parameter_key as case_id,
    {{ json_text('value', 'audience') }} as audience,
    {{ json_text('value', 'vertical') }} as vertical,
    {{ json_text('value', 'role') }} as role,
    {{ json_text('value', 'account_type') }} as account_type,
    {{ json_text('value', 'persona') }} as persona,
    cast({{ json_text('value', 'age_from') }} as integer) as age_from,
    cast({{ json_text('value', 'age_below') }} as integer) as age_below
from ({{ parameter_rows('audience_cases') }}) as parameter_values
