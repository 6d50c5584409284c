-- `all` purposes can be withdrawn or objected to together, not granted.
with recorded as (

    select * from {{ ref('stg_privacy__consent_events') }}

),

imported as (

    select
        consents.*,
        names.purpose is not null as is_named
    from {{ ref('stg_privacy__consents') }} as consents
    left join {{ ref('stg_marketing__consent_purpose_names') }} as names
        on consents.purpose = names.name

),

answers as (

    select * from {{ ref('stg_privacy__form_answers') }}

)

select
    event_id as evidence_id,
    'decision' as evidence_type,
    identifier_type,
    identifier_key,
    cast(null as varchar) as other_identifier_type,
    cast(null as varchar) as other_identifier_key,
    purpose,
    case
        when purpose <> 'all' or state in ('granted', 'pending') then 'purpose'
        when state in ('objection', 'lifted') then 'objection'
        else 'marketing'
    end as covers,
    channel,
    brand,
    state,
    coalesce(mechanism, source_class) as reason,
    source_class,
    source,
    mechanism,
    legal_basis,
    text_version,
    text_hash,
    language,
    false as is_lasting,
    evidence as evidence_reference,
    occurred_at as decided_at,
    known_at
from recorded
union all
select
    {{ evidence_id('consents', ['identifier_key', 'purpose', 'channel', 'decided_at', 'status']) }}
        as evidence_id,
    'decision' as evidence_type,
    identifier_type,
    identifier_key,
    null as other_identifier_type,
    null as other_identifier_key,
    purpose,
    -- What an old tool's list withdraws under a name that nobody knows, it withdraws from all.
    case
        when status <> 'granted' and (purpose = 'all' or not is_named) then 'marketing'
        else 'purpose'
    end as covers,
    channel,
    '' as brand,
    status as state,
    coalesce(source, 'import') as reason,
    'import' as source_class,
    'import' as source,
    source as mechanism,
    legal_basis,
    text_version,
    null as text_hash,
    null as language,
    is_lasting,
    evidence_reference,
    decided_at,
    known_at
from imported
union all
select
    {{ evidence_id('form', ['answer_type', 'answer_id', 'purpose', 'channel', 'form_position']) }}
        as evidence_id,
    'decision' as evidence_type,
    case
        when email_key is not null then 'email'
        when phone_key is not null then 'phone'
        when user_key is not null then 'user_id'
        else 'anonymous_id'
    end as identifier_type,
    coalesce(email_key, phone_key, user_key, anonymous_key) as identifier_key,
    case
        when email_key is not null and phone_key is not null then 'phone'
        when user_key is not null and anonymous_key is not null then 'anonymous_id'
    end as other_identifier_type,
    case
        when email_key is not null and phone_key is not null then phone_key
        when user_key is not null and anonymous_key is not null then anonymous_key
    end as other_identifier_key,
    purpose,
    'purpose' as covers,
    channel,
    '' as brand,
    'granted' as state,
    'ticked_box' as reason,
    'form' as source_class,
    source,
    'ticked_box' as mechanism,
    legal_basis,
    text_version,
    null as text_hash,
    null as language,
    false as is_lasting,
    answer_type || ':' || answer_id as evidence_reference,
    decided_at,
    known_at
from answers
-- A form without any identifier says nothing about anybody.
where coalesce(email_key, phone_key, user_key, anonymous_key) is not null
