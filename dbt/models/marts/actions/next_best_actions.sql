with options as (

    select * from {{ ref('int_action_options') }}

),

best as (

    select
        contact_id,
        action as best_action,
        expected_gain as best_expected_gain
    from options
    where is_best

),

counted as (

    select
        contact_id,
        count(*) - 1 as candidate_actions
    from options
    group by contact_id

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

settings as (

    select * from {{ ref('stg_marketing__action_settings') }}

)

select
    options.contact_id,
    options.account_id,
    options.vertical,
    options.action,
    options.action_name,
    options.action_kind,
    options.campaign,
    options.purpose,
    options.channel,
    options.expected_gain,
    options.p_response,
    options.p_stop,
    options.response_part,
    options.cost_part,
    options.stop_part,
    case
        when options.is_exploration then 'explored'
        when options.action = 'nothing' then 'nothing_is_worth_it'
        else 'highest_expected_gain'
    end as reason,
    options.contributions,
    options.basis,
    options.is_exploration,
    options.propensity,
    best.best_action,
    best.best_expected_gain,
    counted.candidate_actions,
    settings.is_enabled as is_automated,
    options.round_on,
    options.decided_at,
    {{ days_later('options.decided_at', 'settings.round_days') }} as decided_until
from options
inner join counted on options.contact_id = counted.contact_id
cross join settings
cross join run_context
left join best on options.contact_id = best.contact_id
where
    options.is_taken
    -- What was decided longer ago says nothing about the present.
    and run_context.as_of < {{ days_later('options.decided_at', '2 * settings.round_days') }}
