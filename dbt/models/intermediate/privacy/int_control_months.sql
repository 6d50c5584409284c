-- What each control measures, by month of the reporting time zone. Messages count in the month in
-- which a provider accepted them.
with proofs as (

    select
        proofs.*,
        {{ month_of(local_time('proofs.sent_at', 'reporting.time_zone')) }} as month
    from {{ ref('message_proofs') }} as proofs
    cross join {{ ref('stg_system__reporting') }} as reporting

),

mails as (

    select
        {{ month_of(local_time('mails.sent_at', 'reporting.time_zone')) }} as month,
        count(*) as sent,
        count(mails.bounced_at) as bounced,
        count(case when mails.bounced_at is null then 1 end) as delivered,
        count(mails.complained_at) as complained
    from {{ ref('fct_emails') }} as mails
    cross join {{ ref('stg_system__reporting') }} as reporting
    where mails.sent_at is not null
    group by 1

),

sent as (

    select
        month,
        count(*) as messages,
        count(case when is_consent_needed then 1 end) as needing,
        count(case when is_consent_needed and state_then = 'granted' then 1 end) as proven,
        count(case when is_consent_needed and state_then <> 'granted' then 1 end) as unproven,
        count(case when state_then = 'refused' then 1 end) as known,
        count(refusal_evidence_id) as refused,
        max(hours_after_refusal) as longest_hours
    from proofs
    group by month

),

refusals as (

    select
        {{ month_of(local_time('refusals.unsubscribed_at', 'reporting.time_zone')) }} as month,
        count(*) as refusals
    from {{ ref('unsubscribes') }} as refusals
    cross join {{ ref('stg_system__reporting') }} as reporting
    where refusals.is_first
    group by 1

),

requests as (

    select
        month,
        count(case when days_to_confirm is null then 1 end) as pending,
        count(*) as requested
    from {{ ref('int_consent_turns') }}
    where turn = 'pending'
    group by month

),

conflicts as (

    select
        run_context.as_of_month as month,
        (select count(*) from {{ ref('consent_conflicts') }}) as conflicts
    from {{ ref('stg_system__run_context') }} as run_context

)

{% for control, relation, count, of in [
    ('messages_sent', 'sent', 'messages', none),
    ('messages_with_proof', 'sent', 'proven', 'needing'),
    ('messages_without_proof', 'sent', 'unproven', 'needing'),
    ('messages_after_known_refusal', 'sent', 'known', 'needing'),
    ('messages_after_refusal', 'sent', 'refused', 'needing'),
    ('refusals', 'refusals', 'refusals', none),
    ('pending_confirmations', 'requests', 'pending', 'requested'),
    ('consent_conflicts', 'conflicts', 'conflicts', none)
] -%}
select
    '{{ control }}' as control,
    month,
    cast({{ count }} as double) as measured,
    {{ count }} as counted,
    {{ of or 'cast(null as bigint)' }} as counted_of
from {{ relation }}
union all
{% endfor -%}
select
    'hours_to_honour_refusal' as control,
    month,
    coalesce(longest_hours, 0e0) as measured,
    refused as counted,
    needing as counted_of
from sent
union all
select
    'complaint_rate' as control,
    month,
    {{ ratio('complained', 'delivered') }} as measured,
    complained as counted,
    delivered as counted_of
from mails
union all
select
    'bounce_rate' as control,
    month,
    {{ ratio('bounced', 'sent') }} as measured,
    bounced as counted,
    sent as counted_of
from mails
