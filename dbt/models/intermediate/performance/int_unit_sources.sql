-- One row per vertical and funnel unit: the source of its first sighting in the funnel. The
-- campaign is the one the CRM names, else that of the contact's last tagged visit before the entry.
with first_sightings as (

    select
        vertical,
        unit_id,
        contact_id,
        entered_at
    from {{ ref('int_funnel_sightings') }}
    where unit_id is not null
    qualify row_number() over (
        partition by vertical, unit_id order by entered_at, contact_id nulls last
    ) = 1

),

campaigns as (

    select * from {{ ref('int_campaign_channels') }}

),

campaign_names as (

    select
        campaign_id,
        platform_campaign_id as known_name
    from campaigns
    union
    select
        campaign_id,
        campaign_name as known_name
    from campaigns

),

tagged_visits as (

    select
        contact_id,
        lower(utm_campaign) as campaign_name,
        occurred_at
    from {{ ref('fct_events') }}
    where utm_campaign is not null and contact_id is not null

),

visited_campaigns as (

    select
        first_sightings.vertical,
        first_sightings.unit_id,
        campaign_names.campaign_id
    from first_sightings
    cross join {{ ref('stg_marketing__performance_settings') }} as settings
    inner join tagged_visits
        on
            first_sightings.contact_id = tagged_visits.contact_id
            and first_sightings.entered_at >= tagged_visits.occurred_at
            and {{ seconds_between('tagged_visits.occurred_at', 'first_sightings.entered_at') }}
            <= settings.lead_lookback_days * 86400
    inner join campaign_names on tagged_visits.campaign_name = campaign_names.known_name
    qualify row_number() over (
        partition by first_sightings.vertical, first_sightings.unit_id
        order by tagged_visits.occurred_at desc, campaign_names.campaign_id desc
    ) = 1

),

sourced as (

    select
        first_sightings.vertical,
        first_sightings.unit_id,
        first_sightings.contact_id,
        sources.channel,
        sources.partner_id,
        coalesce(sources.campaign_id, visited_campaigns.campaign_id) as campaign_id
    from first_sightings
    left join {{ ref('int_contact_sources') }} as sources
        on first_sightings.contact_id = sources.contact_id
    left join visited_campaigns
        on
            first_sightings.vertical = visited_campaigns.vertical
            and first_sightings.unit_id = visited_campaigns.unit_id

)

select
    sourced.vertical,
    sourced.unit_id,
    sourced.contact_id,
    sourced.partner_id,
    sourced.campaign_id,
    coalesce(sourced.channel, campaigns.channel, 'unknown') as channel
from sourced
left join campaigns on sourced.campaign_id = campaigns.campaign_id
