{{ config(materialized='view') }}

-- A campaign counts once in a window, as automated where it ever was in it.
with active as (

    select
        windows.month,
        windows.metric_window,
        campaign_months.campaign,
        bool_or(campaign_months.is_automated) as is_automated
    from {{ ref('int_campaign_months') }} as campaign_months
    inner join {{ ref('int_reporting_windows') }} as windows
        on campaign_months.month = windows.window_month
    group by windows.month, windows.metric_window, campaign_months.campaign

)

select
    month,
    metric_window,
    count(*) filter (where is_automated) as automated,
    count(*) as campaigns
from active
group by month, metric_window
