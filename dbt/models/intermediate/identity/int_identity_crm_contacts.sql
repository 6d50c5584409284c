-- One row per CRM contact that is there or was merged into another, and identifier that it holds or
-- once held (itself among them). What a contact gave up is its own only while nobody holds it.
with versions as (

    select * from {{ ref('stg_crm__contact_versions') }}

),

merged_ids as (

    select merged_crm_id from {{ ref('stg_crm__contact_merges') }}

),

known as (

    select versions.*
    from versions
    inner join versions as latest on versions.crm_id = latest.crm_id and latest.is_current
    left join merged_ids on versions.crm_id = merged_ids.merged_crm_id
    where merged_ids.merged_crm_id is not null or not coalesce(latest.archived, false)

),

held as (

    {% for identifier_type, column in [
        ('crm_contact', 'contact_key'), ('user_id', 'user_key'),
        ('email', 'email_key'), ('phone', 'phone_key')
    ] -%}
    select
        contact_key,
        '{{ identifier_type }}' as identifier_type,
        {{ column }} as identifier_key,
        max(case when is_current then 1 else 0 end) = 1 as is_current,
        min(known_at) as first_seen_at,
        max(known_at) as last_seen_at
    from known
    where {{ column }} is not null
    group by contact_key, {{ column }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select *
from held
qualify is_current or not max(is_current) over (partition by identifier_type, identifier_key)
