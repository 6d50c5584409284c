with versions as (

    select * from {{ ref('stg_campaigns__versions') }}

),

launches as (

    select * from {{ ref('campaign_launches') }}

),

in_force as (

    select
        *,
        case campaign_kind when 'triggered' then 'journey' else 'campaign' end as source_kind,
        coalesce(journey, campaign) as source_key
    from versions
    qualify row_number() over (
        partition by campaign order by known_at desc, version_sequence desc
    ) = 1

),

journeys as (

    select
        journey,
        coalesce({{ json_text('definition', 'needs_approval') }} = 'true', false) as needs_approval
    from {{ ref('stg_journeys__versions') }}
    qualify row_number() over (partition by journey order by version_sequence desc) = 1

),

begun as (

    select
        campaign,
        min(known_at) as first_in_force_at
    from versions
    group by campaign

),

-- A campaign's messages are its own, or those of its journey.
messages as (

    select
        in_force.campaign,
        count(*) as messages,
        count(distinct queue.contact_id) as contacts,
        count(*) filter (where queue.outcome = 'sent') as sent,
        count(*) filter (where queue.outcome = 'underway') as underway,
        count(*) filter (where queue.outcome = 'unknown') as unknown,
        count(*) filter (where queue.outcome = 'not_sent') as not_sent,
        count(*) filter (where queue.status = 'deferred') as waiting,
        min(queue.queued_at) as first_queued_at
    from in_force
    inner join {{ ref('message_queue') }} as queue
        on
            in_force.source_kind = queue.source_kind
            and in_force.source_key = queue.source_key
    group by in_force.campaign

),

launched as (

    select
        campaign,
        count(*) filter (where status = 'launched') as launches,
        count(*) filter (where status = 'missed') as missed,
        max(planned_at) filter (where status = 'launched') as last_planned_at
    from launches
    group by campaign

),

final as (

    select
        in_force.campaign,
        in_force.campaign_name,
        in_force.campaign_description,
        in_force.vertical,
        in_force.owner,
        in_force.campaign_kind,
        in_force.campaign_kind != 'broadcast' as is_automated,
        in_force.version,
        case
            when in_force.status = 'retired' then 'retired'
            when in_force.campaign_kind = 'broadcast' and launched.launches > 0 then 'launched'
            when in_force.campaign_kind = 'broadcast' and launched.missed > 0 then 'missed'
            when in_force.campaign_kind = 'broadcast' then 'planned'
            else 'active'
        end as status,
        in_force.source_kind,
        in_force.source_key,
        in_force.journey,
        in_force.channel,
        in_force.template,
        in_force.purpose,
        in_force.message_class,
        case
            when in_force.campaign_kind != 'triggered' then in_force.approval
            when journeys.needs_approval then 'once'
            else 'none'
        end as approval,
        in_force.holdout_share,
        in_force.objective_metric,
        in_force.objective_kind,
        in_force.objective_name,
        in_force.objective_days,
        in_force.objective_target,
        in_force.objective_deadline_on,
        in_force.cost_base,
        begun.first_in_force_at,
        coalesce(launched.launches, 0) as launches,
        coalesce(launched.missed, 0) as missed,
        launched.last_planned_at,
        messages.first_queued_at,
        coalesce(messages.messages, 0) as messages,
        coalesce(messages.contacts, 0) as contacts,
        coalesce(messages.sent, 0) as sent,
        coalesce(messages.underway, 0) as underway,
        coalesce(messages.unknown, 0) as unknown,
        coalesce(messages.not_sent, 0) as not_sent,
        coalesce(messages.waiting, 0) as waiting,
        in_force.definition
    from in_force
    inner join begun on in_force.campaign = begun.campaign
    left join launched on in_force.campaign = launched.campaign
    left join messages on in_force.campaign = messages.campaign
    left join journeys on in_force.journey = journeys.journey

)

select * from final
