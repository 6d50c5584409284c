{{ config(materialized='table') }}

-- One row per id merged away and the contact that survives in the end. The CRM keeps merged
-- contacts as ids on the survivor ("1;2"); a survivor may have been merged later, so chains are
-- followed. Of ids that name each other the smallest survives.
with recursive latest as (

    select
        crm_id,
        properties
    from {{ source('lake', 'crm_contacts') }}
    qualify row_number() over (
        partition by crm_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

),

listed as (

    select
        crm_id as surviving_crm_id,
        {{ each_part(json_text('properties', 'hs_merged_object_ids'), ';') }} as merged_crm_id
    from latest
    where {{ json_text('properties', 'hs_merged_object_ids') }} is not null

),

pairs as (

    select
        surviving_crm_id,
        trim(merged_crm_id) as merged_crm_id
    from listed
    where trim(merged_crm_id) not in ('', surviving_crm_id)

),

chains as (

    select
        merged_crm_id,
        surviving_crm_id
    from pairs
    union
    select
        chains.merged_crm_id,
        pairs.surviving_crm_id
    from chains
    inner join pairs on chains.surviving_crm_id = pairs.merged_crm_id

),

ends as (

    select
        chains.merged_crm_id,
        coalesce(
            min(case when pairs.merged_crm_id is null then chains.surviving_crm_id end),
            min(chains.surviving_crm_id)
        ) as surviving_crm_id
    from chains
    left join pairs on chains.surviving_crm_id = pairs.merged_crm_id
    group by chains.merged_crm_id

)

select
    merged_crm_id,
    surviving_crm_id
from ends
where merged_crm_id <> surviving_crm_id
