with people as (

    select * from {{ ref('experiment_assignments') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

conversions as (

    select
        experiment,
        contact_id,
        count(*) as conversions,
        min(occurred_at) as converted_at,
        sum(revenue_base) as revenue
    from {{ ref('int_experiment_conversions') }}
    group by experiment, contact_id

),

stops as (

    select
        people.experiment,
        people.contact_id,
        max(case when unsubscribes.reason = 'complaint' then 0 else 1 end) = 1 as unsubscribed,
        max(case when unsubscribes.reason = 'complaint' then 1 else 0 end) = 1 as complained
    from people
    inner join {{ ref('unsubscribes') }} as unsubscribes
        on people.contact_id = unsubscribes.contact_id
    where
        unsubscribes.unsubscribed_at >= people.assigned_at
        and unsubscribes.unsubscribed_at < people.window_ends_at
    group by people.experiment, people.contact_id

),

campaigns as (

    select
        campaign,
        source_kind,
        source_key
    from {{ ref('campaigns') }}

),

-- In the outbox or with a provider.
out as (

    select
        experiment,
        source_kind,
        source_key,
        contact_id
    from {{ ref('message_queue') }}
    where outcome = 'sent' or status in ('queued', 'pending', 'sending', 'unknown')

),

exposures as (

    select
        experiment,
        contact_id
    from out
    where experiment is not null
    union
    select
        'campaign:' || coalesce(campaigns.campaign, out.source_key) as experiment,
        out.contact_id
    from out
    left join campaigns
        on
            out.source_kind = campaigns.source_kind
            and out.source_key = campaigns.source_key
    where out.source_kind = 'campaign' or campaigns.campaign is not null
    union
    select
        'universal' as experiment,
        contact_id
    from out

)

select
    people.experiment,
    people.contact_id,
    people.variant,
    people.assigned_at,
    -- Whoever came into a version or a branch has got it.
    exposures.contact_id is not null
    or (not experiments.is_declared and experiments.about not in ('campaign', 'universal'))
        as is_exposed,
    people.window_ends_at <= run_context.as_of as is_measured,
    conversions.contact_id is not null as has_converted,
    conversions.converted_at,
    coalesce(conversions.conversions, 0) as conversions,
    case when experiments.has_revenue then coalesce(conversions.revenue, 0) end as revenue,
    coalesce(stops.unsubscribed, false) as has_unsubscribed,
    coalesce(stops.complained, false) as has_complained
from people
inner join {{ ref('int_experiments') }} as experiments
    on people.experiment = experiments.experiment
cross join run_context
left join conversions
    on people.experiment = conversions.experiment and people.contact_id = conversions.contact_id
left join stops
    on people.experiment = stops.experiment and people.contact_id = stops.contact_id
left join exposures
    on people.experiment = exposures.experiment and people.contact_id = exposures.contact_id
