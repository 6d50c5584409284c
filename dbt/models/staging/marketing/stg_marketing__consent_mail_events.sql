select
    {{ json_text('value', 'event') }} as event,
    {{ json_text('value', 'reason') }} as reason,
    cast({{ json_text('value', 'is_passive') }} as boolean) as is_passive
from ({{ parameter_rows('consent_mail_events') }}) as parameter_values
