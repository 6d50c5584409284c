with accounts as (

    select * from {{ ref('dim_accounts') }}

),

engagement as (

    select * from {{ ref('account_engagement') }}

),

coverage as (

    select * from {{ ref('account_coverage') }}

),

churn as (

    select
        account_id,
        score as churn_score
    from {{ ref('predictions') }}
    where model = 'churn' and subject_type = 'account'

),

contracts as (

    select
        account_id,
        max(contract_end_on) as contract_ends_on
    from {{ ref('fct_deals') }}
    where is_won and account_id is not null
    group by account_id

)

select
    accounts.account_id,
    accounts.vertical,
    accounts.account_type,
    accounts.reference_level,
    accounts.lifecycle_stage,
    accounts.country,
    accounts.region_code,
    accounts.departement_code,
    accounts.city,
    accounts.postal_code,
    engagement.stage as buyer_stage,
    coverage.tier,
    accounts.population,
    accounts.employees,
    accounts.contacts,
    engagement.engaged_contacts,
    coverage.role_coverage,
    accounts.mrr_base,
    engagement.engagement_score,
    churn.churn_score,
    accounts.is_customer,
    coalesce(coverage.is_target, false) as is_target,
    accounts.created_at,
    engagement.last_touch_at,
    accounts.first_contract_on,
    contracts.contract_ends_on
from accounts
left join engagement on accounts.account_id = engagement.account_id
left join coverage on accounts.account_id = coverage.account_id
left join contracts on accounts.account_id = contracts.account_id
left join churn on accounts.account_id = churn.account_id
