-- What contacts did of a campaign's objective, of those whom a message is out to. The held-out and
-- those whom a gate stopped are no result of it.
with campaigns as (

    select
        *,
        'campaign:' || campaign as experiment
    from {{ ref('campaigns') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

outcomes as (

    select * from {{ ref('int_experiment_outcomes') }}

),

conversions as (

    select
        conversions.experiment,
        conversions.contact_id,
        sum(conversions.revenue_base) as revenue_base
    from {{ ref('int_experiment_conversions') }} as conversions
    inner join campaigns on conversions.experiment = campaigns.experiment
    cross join reporting
    where
        cast({{ local_time('conversions.occurred_at', 'reporting.time_zone') }} as date)
        <= campaigns.objective_deadline_on
    group by conversions.experiment, conversions.contact_id

)

select
    campaigns.campaign,
    count(outcomes.contact_id) as assigned,
    count(outcomes.contact_id) filter (
        where outcomes.variant = 'holdout' and not outcomes.is_exposed
    ) as held_out,
    count(outcomes.contact_id) filter (where outcomes.is_exposed) as written_to,
    count(outcomes.contact_id) filter (
        where outcomes.is_exposed and not outcomes.is_measured
    ) as open_windows,
    count(conversions.contact_id) filter (where outcomes.is_exposed) as converted,
    sum(conversions.revenue_base) filter (where outcomes.is_exposed) as revenue_base
from campaigns
left join outcomes on campaigns.experiment = outcomes.experiment
left join conversions
    on
        outcomes.experiment = conversions.experiment
        and outcomes.contact_id = conversions.contact_id
group by campaigns.campaign
