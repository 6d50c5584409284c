{%- set fields = [
    'email', 'phone', 'first_name', 'last_name', 'job_title', 'country', 'language'
] -%}
-- The version in force of each contact moved in from an old tool, with what the person had
-- corrected in it.
with versions as (

    select *
    from {{ source('lake', 'imported_contacts') }}
    qualify row_number() over (
        partition by external_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

),

rectified as (

    {{ rectified('external_id', fields) }}

)

select
    versions.external_id,
    versions.external_key,
    {{ corrected('email') }} as email,
    {{ corrected('email', 'email_key') }} as email_key,
    {{ corrected('phone') }} as phone,
    {{ corrected('phone', 'phone_key') }} as phone_key,
    {{ corrected('first_name') }} as first_name,
    {{ corrected('last_name') }} as last_name,
    versions.organisation,
    {{ corrected('job_title') }} as job_title,
    versions.vertical,
    {{ corrected('country') }} as country,
    {{ corrected('language') }} as language,
    versions.created_at,
    versions.known_at
from versions
left join rectified on versions.external_key = rectified.record_key
