-- A version is in force from its row on, until the journey's next one.
select
    journey,
    version,
    definition_hash,
    status,
    reason,
    {{ json_text('definition', 'name') }} as journey_name,
    {{ json_text('definition', 'description') }} as journey_description,
    {{ json_text('definition', 'vertical') }} as vertical,
    coalesce({{ json_text('definition', 'type') }}, 'journey') as journey_type,
    coalesce({{ json_text('definition', 'purpose') }}, 'marketing') as purpose,
    coalesce({{ json_text('definition', 'class') }}, 'marketing') as message_class,
    definition,
    sequence as version_sequence,
    known_at
from {{ source('lake', 'journey_versions') }}
