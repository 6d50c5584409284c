with run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

-- The lake cuts what has a time of its own; a list's entries and the CRM's versions are states.
listed as (

    select entries.*
    from {{ ref('stg_privacy__suppressions') }} as entries
    cross join run_context
    where entries.suppressed_at is null or entries.suppressed_at < run_context.as_of

),

deliveries as (

    select *
    from {{ ref('stg_delivery__events') }}
    where
        channel <> 'crm'
        and coalesce(email_key, phone_key) is not null
        and (
            event_type in ('unsubscribed', 'complained', 'resubscribed')
            or (event_type = 'bounced' and bounce_type = 'permanent')
        )

),

opt_outs as (

    select * from {{ ref('stg_privacy__crm_opt_outs') }}

)

select
    {{ evidence_id('list', ['source', 'identifier_key', 'channel', 'reason']) }} as evidence_id,
    identifier_type,
    identifier_key,
    cast(null as varchar) as other_identifier_type,
    cast(null as varchar) as other_identifier_key,
    channel,
    reason,
    false as is_lifted,
    true as is_listed,
    case when source = 'import' then 'import' else 'provider' end as source_class,
    source,
    evidence_reference,
    coalesce(suppressed_at, known_at) as decided_at,
    known_at
from listed
union all
select
    {{ evidence_id('delivery', ['provider', 'provider_event_id']) }} as evidence_id,
    case when email_key is not null then 'email' else 'phone' end as identifier_type,
    coalesce(email_key, phone_key) as identifier_key,
    null as other_identifier_type,
    null as other_identifier_key,
    channel,
    case event_type
        when 'complained' then 'complaint'
        when 'bounced' then 'hard_bounce'
        else 'unsubscribed'
    end as reason,
    event_type = 'resubscribed' as is_lifted,
    false as is_listed,
    'provider' as source_class,
    provider as source,
    provider || ':' || provider_event_id as evidence_reference,
    occurred_at as decided_at,
    known_at
from deliveries
union all
select
    evidence_id,
    identifier_type,
    identifier_key,
    other_identifier_type,
    other_identifier_key,
    'email' as channel,
    reason,
    false as is_lifted,
    false as is_listed,
    'provider' as source_class,
    'mail_tool' as source,
    'message:' || message_id as evidence_reference,
    decided_at,
    known_at
from {{ ref('int_mail_stops') }}
union all
select
    {{ evidence_id('crm', ['crm_id', 'known_at']) }} as evidence_id,
    'crm_contact' as identifier_type,
    contact_key as identifier_key,
    case when email_key is not null then 'email' end as other_identifier_type,
    email_key as other_identifier_key,
    'email' as channel,
    'crm_opt_out' as reason,
    not is_opted_out as is_lifted,
    false as is_listed,
    'crm' as source_class,
    'crm' as source,
    evidence_reference,
    known_at as decided_at,
    known_at
from opt_outs
union all
select
    {{ evidence_id('crm_company', ['crm_id', 'known_at']) }} as evidence_id,
    'crm_company' as identifier_type,
    company_key as identifier_key,
    null as other_identifier_type,
    null as other_identifier_key,
    'all' as channel,
    'organisation_objection' as reason,
    not is_objecting as is_lifted,
    false as is_listed,
    'crm' as source_class,
    'crm' as source,
    evidence_reference,
    known_at as decided_at,
    known_at
from {{ ref('stg_privacy__company_objections') }}
