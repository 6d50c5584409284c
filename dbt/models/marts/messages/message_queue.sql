with intents as (

    select * from {{ ref('stg_messages__intents') }}

),

decisions as (

    select *
    from {{ ref('stg_messages__decisions') }}
    qualify row_number() over (partition by intent_id order by decision_sequence desc) = 1

),

states as (

    select *
    from {{ ref('stg_messages__states') }}
    -- What a provider accepted stays so: a ledger restored from before may not know it.
    qualify row_number() over (
        partition by message_id
        order by
            case state when 'accepted' then 0 else 1 end asc,
            state_sequence desc,
            updated_at desc,
            state asc
    ) = 1

),

told as (

    select
        message_id,
        max(case when event_type = 'accepted' then provider_message_id end) as provider_message_id,
        min(occurred_at) filter (where event_type = 'delivered') as delivered_at,
        min(occurred_at) filter (where event_type in ('bounced', 'dropped')) as bounced_at,
        min(occurred_at) filter (where event_type = 'complained') as complained_at
    from {{ ref('delivery_logs') }}
    where message_id is not null
    group by message_id

),

contacts as (

    select
        identifier_key,
        contact_id
    from {{ ref('identity_map') }}
    where contact_id is not null

),

gates as (

    select * from {{ ref('stg_marketing__message_gates') }}

),

joined as (

    select
        intents.intent_id,
        intents.source_kind,
        intents.source_key,
        intents.source_version,
        intents.step,
        intents.occurrence,
        coalesce(contacts.contact_id, intents.contact_id) as contact_id,
        intents.account_id,
        intents.vertical,
        intents.channel,
        intents.message_class,
        intents.purpose,
        intents.template,
        states.template_version,
        intents.priority,
        intents.expected_value,
        intents.experiment,
        intents.variant,
        coalesce(states.state, decisions.decision, 'planned') as status,
        -- What the sender blocks by asking again is told by the gate it names.
        case
            when states.state = 'blocked' then coalesce(gates.gate, 'provider')
            when states.reason = 'queued_without_address' then 'no_address'
            when states.state in ('failed', 'failed_unknown') then 'provider'
            when states.state is null then decisions.gate
        end as gate,
        case when states.state is null then decisions.detail else states.reason end as detail,
        case when states.state is null then decisions.deferred_until_at end as deferred_until_at,
        decisions.winner_intent_id,
        decisions.value_lost,
        {% for name in [
            'evidence_id', 'decided_at', 'legal_basis', 'text_hash', 'policy_version'
        ] -%}
        coalesce(states.consent_{{ name }}, decisions.consent_{{ name }}) as consent_{{ name }},
        {% endfor -%}
        decisions.hour_choice,
        decisions.hour_propensity,
        states.recipient_key,
        states.provider,
        told.provider_message_id,
        coalesce(states.attempts, 0) as attempts,
        intents.planned_for_at,
        coalesce(states.scheduled_at, decisions.scheduled_at) as scheduled_at,
        intents.not_after_at,
        intents.known_at as intended_at,
        decisions.known_at as decided_at,
        states.queued_at,
        states.sent_at,
        states.updated_at as state_since_at,
        told.delivered_at,
        told.bounced_at,
        told.complained_at
    from intents
    left join decisions on intents.intent_id = decisions.intent_id
    left join states on intents.intent_id = states.message_id
    left join told on intents.intent_id = told.message_id
    left join contacts on intents.contact_id = contacts.identifier_key
    left join gates on states.reason = gates.gate

),

final as (

    select
        *,
        case
            when status = 'accepted' then 'sent'
            when status = 'unknown' then 'unknown'
            when status in ('planned', 'queued', 'pending', 'sending') then 'underway'
            else 'not_sent'
        end as outcome
    from joined

)

select * from final
