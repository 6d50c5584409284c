{{ config(materialized='view') }}

-- One row per name or id (lower case) of a campaign; of several campaigns of one name the first.
with campaigns as (

    select * from {{ ref('int_campaign_channels') }}

),

named as (

    select
        campaign_id,
        platform_campaign_id as known_name
    from campaigns
    union all
    select
        campaign_id,
        campaign_name as known_name
    from campaigns

)

select
    known_name,
    min(campaign_id) as campaign_id
from named
where known_name is not null
group by known_name
