with past as (

    select * from {{ ref('int_account_feature_history') }}

),

moment as (

    select as_of as snapshot_at from {{ ref('stg_system__run_context') }}

),

present as (

    {{ account_feature_rows('moment', ref('int_contact_signal_sums')) }}

)

select * from past
union all
select * from present
