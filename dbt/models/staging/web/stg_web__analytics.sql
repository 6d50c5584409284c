-- The latest restatement of each line of a web analytics report.
with analytics as (

    select *
    from {{ source('lake', 'web_analytics') }}
    qualify row_number() over (
        partition by
            source,
            property_id,
            report_on,
            channel_group,
            traffic_source,
            traffic_medium,
            campaign
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    source,
    property_id,
    report_on,
    channel_group,
    traffic_source,
    traffic_medium,
    campaign,
    sessions,
    engaged_sessions,
    users,
    new_users,
    key_events,
    known_at
from analytics
