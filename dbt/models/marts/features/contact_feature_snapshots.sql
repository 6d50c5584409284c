with past as (

    select * from {{ ref('int_contact_feature_history') }}

),

moment as (

    select as_of as snapshot_at from {{ ref('stg_system__run_context') }}

),

present as (

    {{ contact_feature_rows(
        ref('int_feature_people'), 'moment', ref('int_contact_signal_sums'),
        ref('account_feature_snapshots')
    ) }}

)

select * from past
union all
select * from present
