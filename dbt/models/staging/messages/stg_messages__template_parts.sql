-- The parts of each template as last stored.
select
    template,
    channel,
    language,
    template_version,
    status,
    template_name,
    vertical,
    message_class,
    purpose,
    language = default_language as is_default_language,
    subject,
    preheader,
    html,
    text,
    least_segments,
    required_sources,
    optional_sources,
    known_at as valid_from
from {{ source('lake', 'template_versions') }}
qualify sequence = max(sequence) over (partition by template)
