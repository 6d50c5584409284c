select
    parameter_key as experiment,
    position,
    {% for column in [
        'name', 'description', 'vertical', 'salt', 'about', 'source_key', 'node', 'control',
        'metric_kind', 'metric', 'metric_message_type', 'guard_rails', 'method'
    ] -%}
    {{ json_text('value', column) }} as {{ column }},
    {% endfor -%}
    cast({{ json_text('value', 'starts_on') }} as date) as starts_on,
    cast({{ json_text('value', 'ends_on') }} as date) as ends_on,
    cast({{ json_text('value', 'has_revenue') }} as boolean) as has_revenue,
    {% for column in [
        'within_days', 'fixed_value', 'base_rate', 'minimum_effect', 'power', 'alpha', 'tau',
        'min_days'
    ] -%}
    cast({{ json_text('value', column) }} as double) as {{ column }},
    {% endfor -%}
    cast({{ json_text('value', 'per_arm') }} as bigint) as per_arm,
    cast({{ json_text('value', 'min_per_arm') }} as bigint) as min_per_arm
from ({{ parameter_rows('experiments') }}) as parameter_values
