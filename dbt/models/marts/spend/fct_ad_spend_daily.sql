with spend as (

    select * from {{ ref('stg_ads__spend') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

)

select
    spend.platform || '/' || spend.account_id || '/' || spend.campaign_id as campaign_id,
    spend.platform,
    spend.spend_on,
    spend.vertical,
    spend.spend,
    spend.currency,
    {{ to_base('spend.spend', 'spend.currency', 'run_context.base_currency', 'fx.rate') }}
        as spend_base,
    spend.impressions,
    spend.clicks,
    spend.platform_conversions
from spend
cross join run_context
left join {{ ref('int_fx_rates_daily') }} as fx
    on spend.currency = fx.currency and spend.spend_on = fx.valid_on
