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
    subject,
    preheader,
    html,
    text as text_part,
    required_sources,
    optional_sources,
    valid_from
from {{ ref('stg_messages__template_parts') }}
where channel = 'email' and status <> 'retired'
