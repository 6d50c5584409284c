select
    template,
    language,
    template_version,
    status,
    template_name,
    vertical,
    message_class,
    purpose,
    is_default_language,
    text as body,
    least_segments,
    required_sources,
    optional_sources,
    valid_from
from {{ ref('stg_messages__template_parts') }}
where channel = 'sms' and status <> 'retired'
