with alerts as (

    select * from {{ source('lake', 'series_alerts') }}

),

campaigns as (

    select
        campaign_id,
        campaign_name
    from {{ ref('dim_campaigns') }}

)

select
    alerts.scope,
    alerts.subject,
    alerts.metric,
    alerts.measured_on,
    alerts.vertical,
    campaigns.campaign_name,
    alerts.direction,
    alerts.value,
    alerts.expected,
    alerts.volume,
    alerts.is_share,
    alerts.z,
    alerts.p_value,
    alerts.q,
    alerts.is_latest,
    alerts.is_level_shift,
    alerts.lasts_days,
    alerts.sentence
from alerts
left join campaigns on alerts.scope = 'campaign' and alerts.subject = campaigns.campaign_id
