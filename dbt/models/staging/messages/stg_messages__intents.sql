-- A source that was killed and began again may have said the same twice.
select
    intent_id,
    source_kind,
    source_key,
    source_version,
    step,
    occurrence,
    contact_id,
    account_id,
    vertical,
    channel,
    template,
    purpose,
    message_class,
    coalesce(priority, 0) as priority,
    expected_value,
    scheduled_at as planned_for_at,
    not_after as not_after_at,
    on_capped,
    approval,
    experiment,
    variant,
    known_at
from {{ source('lake', 'message_intents') }}
qualify row_number() over (partition by intent_id order by known_at asc) = 1
