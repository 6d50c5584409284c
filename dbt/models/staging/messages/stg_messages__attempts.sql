-- The last that an export found of an attempt. That a provider took it is never taken back,
-- whatever a restored ledger remembers.
select
    message_id,
    attempt,
    channel,
    destination_key as recipient_key,
    provider,
    lease_epoch,
    request_hash,
    started_at,
    finished_at,
    result,
    provider_code,
    provider_message_id,
    call as call_id,
    answer_ms,
    is_test,
    known_at
from {{ source('lake', 'message_attempts') }}
qualify row_number() over (
    partition by message_id, attempt
    order by case result when 'accepted' then 0 else 1 end asc, sequence desc, known_at desc
) = 1
