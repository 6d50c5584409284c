{%- set fields = [
    'email', 'phone', 'first_name', 'last_name', 'job_title', 'city', 'country', 'language'
] %}
{%- set keys = {'email': 'email_key', 'phone': 'phone_key'} -%}
-- The last correction of each field, beside what the source said of it before and says today. A
-- source whose version is newer and repeats what was wrong has not noticed: the correction stands.
with rectifications as (

    select
        *,
        -- What is nowhere said is like what is said to be nothing.
        coalesce(value_key, value, '') as told
    from {{ source('lake', 'rectifications') }}
    qualify row_number() over (
        partition by record_key, field order by known_at desc, sequence desc, rectification_id desc
    ) = 1

),

versions as (

    select
        contact_key as record_key,
        {% for field in fields -%}
        {{ field }},
        {% endfor -%}
        email_key,
        phone_key,
        known_at,
        landing_file,
        landing_line
    from {{ source('lake', 'crm_contacts') }}
    union all
    select
        external_key as record_key,
        {% for field in fields -%}
        {{ field if field != 'city' else 'null' }} as {{ field }},
        {% endfor -%}
        email_key,
        phone_key,
        known_at,
        landing_file,
        landing_line
    from {{ source('lake', 'imported_contacts') }}

),

said as (

    {% for field in fields -%}
    select
        rectifications.record_key,
        rectifications.field,
        versions.{{ field }} as value,
        {{ 'versions.' ~ keys[field] if field in keys else 'cast(null as varchar)' }} as value_key,
        versions.known_at,
        versions.landing_file,
        versions.landing_line,
        versions.known_at <= rectifications.known_at as is_before
    from rectifications
    inner join versions on rectifications.record_key = versions.record_key
    where rectifications.field = '{{ field }}'
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

latest as (

    select
        *,
        coalesce(value_key, value, '') as told
    from said
    qualify row_number() over (
        partition by record_key, field, is_before
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    rectifications.rectification_id,
    rectifications.request_id,
    rectifications.contact_id,
    rectifications.record_type,
    rectifications.record_key,
    rectifications.field,
    rectifications.value,
    rectifications.value_key,
    before_it.value as former_value,
    before_it.value_key as former_value_key,
    since_then.value as source_value,
    case
        when since_then.record_key is null then 'holds'
        when since_then.told = rectifications.told then 'agreed'
        when since_then.told = before_it.told then 'holds'
        else 'overruled'
    end as status,
    since_then.known_at as source_known_at,
    rectifications.known_at
from rectifications
left join latest as before_it
    on
        rectifications.record_key = before_it.record_key
        and rectifications.field = before_it.field
        and before_it.is_before
left join latest as since_then
    on
        rectifications.record_key = since_then.record_key
        and rectifications.field = since_then.field
        and not since_then.is_before
