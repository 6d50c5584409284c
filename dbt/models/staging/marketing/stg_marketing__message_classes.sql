select
    {{ json_text('value', 'message_class') }} as message_class,
    {{ json_text('value', 'class_name') }} as class_name,
    cast({{ json_text('value', 'needs_consent') }} as boolean) as needs_consent,
    known_at as in_force_since
from {{ source('lake', 'parameters') }}
where collection = 'message_classes'
