select
    {{ json_text('value', 'experiment') }} as experiment,
    {{ json_text('value', 'variant') }} as variant,
    position,
    cast({{ json_text('value', 'share') }} as double) / 1e2 as share,
    {{ json_text('value', 'template') }} as template
from ({{ parameter_rows('experiment_variants') }}) as parameter_values
