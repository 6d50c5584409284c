-- Every version of the CRM contact that speaks for each contact, in force from when it was known
-- until the next one was.
with versions as (

    select
        crm_id,
        role,
        lifecycle_stage,
        lead_source,
        language,
        known_at,
        lead(known_at) over (
            partition by crm_id
            order by known_at, is_current, lifecycle_stage nulls first, role nulls first
        ) as superseded_at
    from {{ ref('stg_crm__contact_versions') }}

)

select
    people.contact_id,
    versions.role,
    versions.lifecycle_stage,
    versions.lead_source,
    versions.language,
    versions.known_at,
    versions.superseded_at
from versions
inner join {{ ref('int_feature_people') }} as people on versions.crm_id = people.crm_id
