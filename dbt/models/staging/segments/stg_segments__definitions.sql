-- A version is a hash of what decides membership: a new name or priority is none.
select
    segment,
    definition_hash,
    status,
    {{ json_text('definition', 'name') }} as segment_name,
    {{ json_text('definition', 'description') }} as segment_description,
    {{ json_text('definition', 'vertical') }} as vertical,
    coalesce({{ json_text('definition', 'unit') }}, 'contact') as unit,
    cast(coalesce({{ json_text('definition', 'priority') }}, '100') as integer) as priority,
    cast({{ json_text('definition', 'expected_size') }} as bigint) as expected_size,
    cast(coalesce({{ json_text('definition', 'max_age_hours') }}, '48') as double) as max_age_hours,
    definition,
    sequence as version_sequence,
    known_at
from {{ source('lake', 'segment_definitions') }}
