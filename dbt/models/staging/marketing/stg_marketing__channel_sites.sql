select
    parameter_key as site_id,
    position,
    {{ json_text('value', 'kind') }} as kind,
    {{ json_text('value', 'domain') }} as domain,
    {{ json_text('value', 'pattern') }} as host_pattern,
    {{ json_text('value', 'name') }} as source_name,
    cast({{ json_text('value', 'specificity') }} as integer) as specificity
from ({{ parameter_rows('channel_sites') }}) as parameter_values
