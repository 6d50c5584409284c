select
    {{ json_text('value', 'rails_of_holdout') }} as rails_of_holdout,
    {{ json_text('value', 'rails') }} as rails,
    {% for column in [
        'within_days', 'universal_within_days', 'alpha', 'tau', 'min_days'
    ] -%}
    cast({{ json_text('value', column) }} as double) as {{ column }},
    {% endfor -%}
    cast({{ json_text('value', 'min_per_arm') }} as bigint) as min_per_arm
from ({{ parameter_rows('experiment_defaults') }}) as parameter_values
