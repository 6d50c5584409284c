-- Every version of each deal, in force from when it was known until the next one was.
with versions as (

    select
        *,
        {{ superseded_at(['crm_id']) }}
    from {{ source('lake', 'crm_deals') }}

),

stages as (

    select * from {{ ref('stg_marketing__pipeline_stages') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

joined as (

    select
        versions.*,
        companies.company_key as account_id,
        reporting.base_currency,
        coalesce(versions.currency, reporting.base_currency) as deal_currency,
        coalesce(stages.is_won, false) as is_won,
        not coalesce(stages.is_won, false) and not coalesce(stages.is_lost, false) as is_open,
        cast({{ local_time('versions.closed_at', 'reporting.time_zone') }} as date) as closed_on,
        coalesce(versions.mrr, versions.amount / 12) as recurring
    from versions
    cross join reporting
    inner join {{ ref('stg_crm__companies') }} as companies
        on versions.company_crm_id = companies.crm_id
    left join stages on versions.pipeline = stages.pipeline and versions.stage = stages.stage

)

select
    joined.crm_id as deal_id,
    joined.account_id,
    joined.is_won,
    joined.is_open,
    coalesce(joined.contract_start_on, joined.closed_on) as starts_on,
    joined.contract_end_on as ends_on,
    joined.closed_at,
    {{ to_base('joined.recurring', 'joined.deal_currency', 'joined.base_currency', 'fx.rate') }}
        as mrr_base,
    joined.recurring is not null as has_recurring,
    joined.known_at,
    joined.superseded_at
from joined
left join {{ ref('int_fx_rates_daily') }} as fx
    on
        joined.deal_currency = fx.currency
        and coalesce(joined.contract_start_on, joined.closed_on) = fx.valid_on
where not coalesce(joined.archived, false)
