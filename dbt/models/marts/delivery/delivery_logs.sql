with attempts as (

    select * from {{ ref('stg_messages__attempts') }}

),

events as (

    select * from {{ ref('int_delivery_events') }} where channel != 'crm'

),

final as (

    select
        md5('attempt/' || message_id || '/' || cast(attempt as varchar)) as log_id,
        'attempt' as entry_kind,
        message_id,
        provider,
        cast(null as varchar) as provider_event_id,
        coalesce(result, 'unanswered') as event_type,
        channel,
        attempt,
        provider_code,
        provider_message_id,
        message_id as outbox_id,
        recipient_key,
        cast(null as varchar) as bounce_type,
        cast(null as varchar) as reason,
        call_id,
        answer_ms,
        request_hash,
        false as is_machine,
        is_test,
        started_at,
        coalesce(finished_at, started_at) as occurred_at,
        known_at
    from attempts
    union all
    select
        md5('event/' || provider || '/' || provider_event_id) as log_id,
        'event' as entry_kind,
        message_id,
        provider,
        provider_event_id,
        event_type,
        channel,
        cast(null as integer) as attempt,
        cast(null as varchar) as provider_code,
        provider_message_id,
        outbox_id,
        coalesce(email_key, phone_key) as recipient_key,
        bounce_type,
        -- What a server says of a person's mailbox names the person.
        coalesce(
            nullif(
                regexp_extract(
                    reason, '^ *([245][0-9][0-9]([ -][245][.][0-9]+[.][0-9]+)?)([^0-9]|$)', 1
                ), ''
            ),
            case
                when
                    {{ matches('reason', "'^[A-Za-z0-9_.:-]+$'") }}
                    and not {{ matches('reason', "'[0-9]{7}'") }}
                    then reason
            end
        ) as reason,
        cast(null as varchar) as call_id,
        cast(null as integer) as answer_ms,
        cast(null as varchar) as request_hash,
        is_machine,
        is_test,
        cast(null as timestamp) as started_at,
        occurred_at,
        known_at
    from events

)

select * from final
