-- One row, or none where no definition is in force.
select
    cast({{ json_text('value', 'inactivity_minutes') }} as integer) as inactivity_minutes,
    {{ json_text('value', 'split_at_midnight') }} = 'true' as split_at_midnight,
    {{ json_text('value', 'split_on_campaign') }} = 'true' as split_on_campaign,
    cast({{ json_text('value', 'engaged_seconds') }} as integer) as engaged_seconds,
    cast({{ json_text('value', 'engaged_page_views') }} as integer) as engaged_page_views,
    cast({{ json_text('value', 'last_non_direct_days') }} as integer) as last_non_direct_days
from ({{ parameter_rows('session_settings') }}) as parameter_values
