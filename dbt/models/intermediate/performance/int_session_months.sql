-- One row per vertical, month, channel and campaign of the sessions of humans: how many, how many
-- engaged, and how many were a visitor's first. Two campaigns of one name are told apart by the
-- session's channel.
with campaigns as (

    select * from {{ ref('int_campaign_channels') }}

),

tags as (

    select
        lower(campaign) as tag,
        channel
    from {{ ref('fct_sessions') }}
    where campaign is not null
    group by lower(campaign), channel

),

tagged_campaigns as (

    select
        tags.tag,
        tags.channel,
        campaigns.campaign_id
    from tags
    inner join campaigns
        on tags.tag in (campaigns.platform_campaign_id, campaigns.campaign_name)
    qualify row_number() over (
        partition by tags.tag, tags.channel
        order by
            case when tags.channel = campaigns.channel then 0 else 1 end,
            campaigns.campaign_id desc
    ) = 1

),

sessions as (

    select
        coalesce(vertical, 'unassigned') as vertical,
        {{ month_of('started_on') }} as month,
        channel,
        lower(campaign) as tag,
        is_engaged,
        row_number() over (partition by visitor_key order by started_at, session_id) = 1 as is_first
    from {{ ref('fct_sessions') }}
    where actor_class <> 'machine'

)

select
    sessions.vertical,
    sessions.month,
    sessions.channel,
    coalesce(tagged_campaigns.campaign_id, 'without_campaign') as campaign_id,
    count(*) as sessions,
    count(*) filter (where sessions.is_engaged) as engaged_sessions,
    count(*) filter (where sessions.is_first) as new_visitors
from sessions
left join tagged_campaigns
    on sessions.tag = tagged_campaigns.tag and sessions.channel = tagged_campaigns.channel
group by
    sessions.vertical,
    sessions.month,
    sessions.channel,
    coalesce(tagged_campaigns.campaign_id, 'without_campaign')
