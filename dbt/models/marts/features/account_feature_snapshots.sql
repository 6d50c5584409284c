with past as (

    select * from {{ ref('int_account_feature_history') }}

),

moment as (

    select as_of as snapshot_at from {{ ref('stg_system__run_context') }}

),

present as (

    {{ account_feature_rows('moment', ref('int_contact_signal_sums')) }}

),

snapshots as (

    select * from past
    union all
    select * from present

)

select
    account_id,
    snapshot_at,
    vertical,
    account_type,
    lifecycle_stage,
    employees,
    population,
    mrr_base,
    mrr_change_90d,
    contracts,
    tenure_months,
    contract_month,
    days_to_renewal,
    days_to_contract_end,
    deals_won_365d,
    open_deals,
    uses_30d,
    uses_90d,
    uses_180d,
    use_trend,
    use_rate_fast,
    use_rate_slow,
    days_since_use,
    active_users_30d,
    active_users_90d,
    lost_users,
    lost_use_share,
    tickets_30d,
    tickets_90d,
    ticket_rate_slow,
    nps_score,
    nps_age_days,
    csat_score,
    contacts,
    engaged_contacts_90d,
    touches_30d,
    touches_90d,
    days_since_touch,
    mail_clicks_90d,
    meetings_90d,
    meetings_180d,
    trainings_180d,
    advocacy_180d
from snapshots
