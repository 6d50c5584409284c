-- The CRM keeps merged contacts as ids on the survivor ("1;2"): one row per id merged away.
with latest as (

    select
        crm_id,
        properties
    from {{ source('lake', 'crm_contacts') }}
    qualify row_number() over (
        partition by crm_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

),

merged as (

    select
        crm_id as surviving_crm_id,
        {{ each_part(json_text('properties', 'hs_merged_object_ids'), ';') }} as merged_crm_id
    from latest
    where {{ json_text('properties', 'hs_merged_object_ids') }} is not null

),

named as (

    select
        surviving_crm_id,
        trim(merged_crm_id) as merged_crm_id
    from merged

)

select
    merged_crm_id,
    min(surviving_crm_id) as surviving_crm_id
from named
where merged_crm_id <> '' and merged_crm_id <> surviving_crm_id
group by merged_crm_id
