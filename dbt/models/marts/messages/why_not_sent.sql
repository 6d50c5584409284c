with messages as (

    select * from {{ ref('message_queue') }}
    where outcome = 'not_sent'

),

gates as (

    select * from {{ ref('stg_marketing__message_gates') }}

)

select
    messages.intent_id,
    messages.source_kind,
    messages.source_key,
    messages.step,
    messages.occurrence,
    messages.contact_id,
    messages.account_id,
    messages.vertical,
    messages.channel,
    messages.message_class,
    messages.purpose,
    messages.gate,
    gates.position as gate_position,
    gates.gate_text,
    messages.detail,
    messages.status <> 'deferred' as is_final,
    coalesce(gates.kind = 'permanent', false)
    or coalesce(messages.gate = 'provider' and messages.detail like 'invalid_recipient%', false)
    or coalesce(messages.gate = 'provider' and messages.detail like 'suppressed%', false)
        as is_unreachable,
    messages.deferred_until_at,
    messages.winner_intent_id,
    messages.value_lost,
    messages.planned_for_at,
    messages.decided_at
from messages
left join gates on messages.gate = gates.gate
