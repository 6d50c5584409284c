{%- set fields = [
    'email', 'phone', 'first_name', 'last_name', 'job_title', 'city', 'country', 'language'
] %}
{%- set kept = [
    'crm_id', 'contact_key', 'created_at', 'archived', 'role', 'lifecycle_stage', 'user_id',
    'user_key', 'company_crm_id', 'owner_id', 'vertical', 'lead_source', 'properties'
] -%}
-- The CRM's versions, and after them what the person had corrected, which is then in force.
with versions as (

    select
        *,
        row_number() over (
            partition by crm_id order by known_at desc, landing_file desc, landing_line desc
        ) as age
    from {{ source('lake', 'crm_contacts') }}

),

rectified as (

    {{ rectified('crm_contact', fields) }}

)

select
    {% for column in kept -%}
    versions.{{ column }},
    {% endfor -%}
    {% for field in fields -%}
    versions.{{ field }},
    {% endfor -%}
    versions.email_key,
    versions.phone_key,
    versions.known_at,
    versions.age = 1 and rectified.record_key is null as is_current
from versions
left join rectified on versions.contact_key = rectified.record_key
union all
select
    {% for column in kept -%}
    versions.{{ column }},
    {% endfor -%}
    {% for field in fields -%}
    {{ corrected(field) }} as {{ field }},
    {% endfor -%}
    {{ corrected('email', 'email_key') }} as email_key,
    {{ corrected('phone', 'phone_key') }} as phone_key,
    case
        when versions.known_at > rectified.rectified_at then versions.known_at
        else rectified.rectified_at
    end as known_at,
    true as is_current
from versions
inner join rectified on versions.contact_key = rectified.record_key
where versions.age = 1
