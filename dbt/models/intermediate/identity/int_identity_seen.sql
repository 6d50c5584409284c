-- One row per identifier of a person that any source names, and when.
with messages as (

    select * from {{ ref('int_identity_messages') }}

),

seen as (

    select * from {{ ref('int_identity_elsewhere') }}
    {% for identifier_type, column in [
        ('user_id', 'user_key'), ('anonymous_id', 'anonymous_key'),
        ('email', 'email_key'), ('phone', 'phone_key')
    ] -%}
    union all
    select
        '{{ identifier_type }}' as identifier_type,
        {{ column }} as identifier_key,
        first_seen_at,
        last_seen_at
    from messages
    {% endfor -%}
    union all
    select
        weaker_type as identifier_type,
        weaker_key as identifier_key,
        first_seen_at,
        last_seen_at
    from {{ ref('int_identity_links') }}
    where evidence = 'alias'

)

select
    identifier_type,
    identifier_key,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at
from seen
where identifier_key is not null
group by identifier_type, identifier_key
