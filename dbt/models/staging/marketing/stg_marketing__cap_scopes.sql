select
    {{ json_text('value', 'cap') }} as cap,
    {{ json_text('value', 'message_class') }} as message_class,
    {{ json_text('value', 'channel') }} as channel
from ({{ parameter_rows('cap_scopes') }}) as parameter_values
