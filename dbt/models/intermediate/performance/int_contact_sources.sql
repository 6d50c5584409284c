-- One row per contact that the CRM knows: where it came from, as the CRM contact says that speaks
-- for it. The place to change when channels come from classified sessions.
with crm as (

    select * from {{ ref('stg_crm__contacts') }}

),

channels as (

    select * from {{ ref('stg_marketing__source_channels') }}
    where kind = 'lead_source'

),

named_partners as (

    select
        crm.crm_id,
        nullif(
            trim({{ json_text_by('crm.properties', 'settings.crm_property') }}), ''
        ) as partner_name
    from crm
    cross join {{ ref('stg_marketing__partner_settings') }} as settings

),

details as (

    select
        crm.crm_id,
        properties.position,
        lower(trim({{ json_text_by('crm.properties', 'properties.property_name') }})) as known_name
    from crm
    cross join {{ ref('stg_marketing__lead_detail_properties') }} as properties

),

-- By its id or its name. Equality on one column: a join on either would be nested loops.
campaign_names as (

    select
        campaign_id,
        platform_campaign_id as known_name
    from {{ ref('int_campaign_channels') }}
    union
    select
        campaign_id,
        campaign_name as known_name
    from {{ ref('int_campaign_channels') }}

),

-- The first property that names a campaign wins.
named_campaigns as (

    select
        details.crm_id,
        campaign_names.campaign_id
    from details
    inner join campaign_names on details.known_name = campaign_names.known_name
    qualify row_number() over (
        partition by details.crm_id order by details.position, campaign_names.campaign_id
    ) = 1

)

select
    contacts.contact_id,
    contacts.account_id,
    crm.created_at,
    contacts.lead_source,
    named_campaigns.campaign_id,
    named_partners.partner_name,
    coalesce(partner_names.partner_id, lower(named_partners.partner_name)) as partner_id,
    case
        when named_partners.partner_name is not null then 'partner' else channels.channel
    end as channel
from crm
inner join {{ ref('int_contacts') }} as contacts on crm.crm_id = contacts.crm_id
left join channels on lower(contacts.lead_source) = channels.word
left join named_campaigns on crm.crm_id = named_campaigns.crm_id
left join named_partners on crm.crm_id = named_partners.crm_id
left join {{ ref('stg_marketing__partner_names') }} as partner_names
    on lower(named_partners.partner_name) = partner_names.known_name
