-- One row per sighting of a unit in a funnel stage and contact it was seen by, as verticals.yml
-- says where to look: a date property of a contact, a stage of a deal, or an event. The unit is the
-- vertical's customer_unit: the account (or the contact, where it has none), or the contact; a deal
-- that the CRM links to neither stands for itself.
with stages as (

    select
        stages.*,
        verticals.customer_unit
    from {{ ref('stg_marketing__funnel_stages') }} as stages
    inner join {{ ref('stg_marketing__verticals') }} as verticals
        on stages.vertical = verticals.vertical

),

contacts as (

    select
        contacts.contact_id,
        contacts.account_id,
        contacts.vertical,
        crm.properties
    from {{ ref('stg_crm__contacts') }} as crm
    inner join {{ ref('int_crm_objects') }} as objects
        on crm.crm_id = objects.crm_id and objects.object_type = 'contacts'
    inner join {{ ref('int_contacts') }} as contacts on objects.object_id = contacts.contact_id

),

deals as (

    select
        deals.*,
        crm.properties
    from {{ ref('fct_deals') }} as deals
    inner join {{ ref('stg_crm__deals') }} as crm on deals.deal_id = crm.crm_id

),

sightings as (

    select
        stages.vertical,
        stages.stage,
        stages.customer_unit,
        contacts.contact_id,
        contacts.account_id,
        cast(null as varchar) as deal_id,
        {{ time_from_text(json_text_by('contacts.properties', 'stages.source_property')) }}
            as entered_at
    from contacts
    inner join stages
        on contacts.vertical = stages.vertical and stages.source_object = 'contact'
    union all
    select
        stages.vertical,
        stages.stage,
        stages.customer_unit,
        deals.contact_id,
        deals.account_id,
        deals.deal_id,
        coalesce(
            {{ time_from_text(json_text_by(
                'deals.properties', "'hs_v2_date_entered_' || stages.crm_stage"
            )) }},
            case when deals.is_won and deals.stage = stages.crm_stage then deals.closed_at end,
            first_seen.first_known_at
        ) as entered_at
    from deals
    inner join stages
        on deals.pipeline = stages.pipeline and stages.source_object = 'deal'
    left join {{ ref('stg_crm__deal_stage_sightings') }} as first_seen
        on
            deals.deal_id = first_seen.crm_id
            and stages.pipeline = first_seen.pipeline
            and stages.crm_stage = first_seen.stage
    union all
    select
        stages.vertical,
        stages.stage,
        stages.customer_unit,
        events.contact_id,
        null as account_id,
        null as deal_id,
        events.occurred_at as entered_at
    from {{ ref('fct_events') }} as events
    inner join stages
        on
            events.event = stages.event
            and events.vertical = stages.vertical
            and stages.source_object = 'event'

)

select distinct
    sightings.vertical,
    sightings.stage,
    coalesce(
        case
            when sightings.customer_unit = 'contact' then sightings.contact_id
            else coalesce(sightings.account_id, contacts.account_id, sightings.contact_id)
        end,
        sightings.deal_id
    ) as unit_id,
    sightings.contact_id,
    sightings.entered_at
from sightings
left join {{ ref('int_contacts') }} as contacts on sightings.contact_id = contacts.contact_id
where sightings.entered_at is not null
