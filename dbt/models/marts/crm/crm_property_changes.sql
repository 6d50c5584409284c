with property_history as (

    select * from {{ ref('stg_crm__property_history') }}

),

objects as (

    select * from {{ ref('int_crm_objects') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

named as (

    select
        property_history.*,
        case
            when property_history.object_type in ('contacts', 'companies') then objects.object_id
            else property_history.crm_id
        end as object_id
    from property_history
    left join objects
        on
            property_history.object_type = objects.object_type
            and property_history.crm_id = objects.crm_id

)

select
    named.object_type,
    named.object_id,
    named.property,
    named.changed_at,
    -- Stands in for the CRM id, which tells contacts apart that are not there or were merged.
    row_number() over (
        partition by named.object_type, named.object_id, named.property, named.changed_at
        order by named.crm_id
    ) as change_number,
    cast({{ local_time('named.changed_at', 'reporting.time_zone') }} as date) as changed_on,
    -- What cannot identify a person. Any other property may hold an address or a name.
    case
        when
            named.property in (
                'lifecyclestage',
                'dealstage',
                'hs_pipeline_stage',
                'hubspot_owner_id',
                'hs_lead_status'
            )
            then named.value
    end as value,
    named.source_type,
    named.known_at
from named
cross join reporting
