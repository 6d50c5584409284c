-- The channel of each combination: that of the first rule whose conditions all hold.
with rules as (

    select * from {{ ref('stg_marketing__channel_rules') }}

),

sites as (

    select * from {{ ref('stg_marketing__channel_sites') }}

),

-- A campaign name that two platforms share names neither.
known_campaigns as (

    select
        campaign,
        min(platform) as platform
    from (
        select
            platform,
            lower(campaign_id) as campaign
        from {{ ref('stg_ads__spend') }}
        union
        select
            platform,
            lower(campaign_name) as campaign
        from {{ ref('stg_ads__spend') }}
        where campaign_name is not null
    ) as names
    group by campaign
    having count(*) = 1

),

combinations as (

    select * from {{ ref('int_touch_sources') }}

),

places as (

    select source as place
    from combinations
    where source is not null
    union
    select referrer_host as place
    from combinations
    where referrer_host is not null

),

place_kinds as (

    select
        places.place,
        sites.kind
    from places
    inner join sites
        on
            places.place = sites.source_name
            or {{ is_at_site('places.place', 'sites') }}
    qualify row_number() over (
        partition by places.place order by sites.specificity desc, sites.position asc
    ) = 1

),

ruled as (

    select
        combinations.*,
        rules.channel,
        rules.channel_rule
    from combinations
    left join known_campaigns on lower(combinations.campaign) = known_campaigns.campaign
    left join place_kinds as source_kinds on combinations.source = source_kinds.place
    left join place_kinds as referrer_kinds on combinations.referrer_host = referrer_kinds.place
    left join rules
        on
            (
                rules.campaign_of is null
                or contains(rules.campaign_of, '|' || known_campaigns.platform || '|')
            )
            and (
                rules.click_id is null
                or contains(rules.click_id, '|' || combinations.click_id_name || '|')
            )
            and (rules.source_in is null or source_kinds.kind = rules.source_in)
            and (rules.referrer_in is null or referrer_kinds.kind = rules.referrer_in)
            and (rules.touch is null or contains(rules.touch, '|' || combinations.touch || '|'))
            and (not rules.asks_any_referrer or combinations.referrer_host is not null)
            and (not rules.asks_nothing or combinations.source_key = '{{ no_source() }}')
            and (
                rules.source_pattern is null
                or {{ matches('combinations.source', 'rules.source_pattern') }}
            )
            and (
                rules.medium_pattern is null
                or {{ matches('combinations.medium', 'rules.medium_pattern') }}
            )
            and (
                rules.campaign_pattern is null
                or {{ matches('lower(combinations.campaign)', 'rules.campaign_pattern') }}
            )
    qualify row_number() over (
        partition by combinations.source_key order by rules.position nulls last
    ) = 1

)

select
    source_key,
    source,
    medium,
    campaign,
    click_id_name,
    referrer_host,
    touch,
    coalesce(channel, 'unknown') as channel,
    coalesce(channel_rule, 'no_rule') as channel_rule
from ruled
