-- By all that is known at as_of, unlike the features: who paid then, and is gone within 90 days.
-- A contract that follows within the gap of contract_spells goes on. Left out where these days and
-- the gap behind them are not over, since nobody knows yet who comes back, and where deals that
-- were told later say that there was no contract.
{% set horizon_days = 90 -%}
{% set known_after_days = horizon_days + contract_gap_days() | int -%}
with snapshots as (

    select
        history.account_id,
        history.snapshot_at,
        cast({{ local_time('history.snapshot_at', 'run_context.time_zone') }} as date)
            as snapshot_on
    from {{ ref('int_account_feature_history') }} as history
    inner join {{ ref('stg_system__run_context') }} as run_context
        on {{ days_later('history.snapshot_at', known_after_days) }} <= run_context.as_of

),

contracts as (

    select
        customer_id as account_id,
        starts_on,
        ends_on
    from {{ ref('int_contracts') }}
    where mrr_base > 0

),

spells as (

    {{ contract_spells('contracts', ['account_id']) }}

)

select
    snapshots.account_id,
    snapshots.snapshot_at,
    spells.until_on <= snapshots.snapshot_on + {{ horizon_days }} as is_positive
from snapshots
inner join spells
    on
        snapshots.account_id = spells.account_id
        and snapshots.snapshot_on >= spells.since_on
        and snapshots.snapshot_on < spells.until_on
