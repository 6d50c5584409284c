with members as (

    select * from {{ ref('segment_memberships') }}

),

options as (

    select * from {{ ref('int_action_options') }}
    where action != 'nothing'

),

sizes as (

    select
        segment,
        count(*) as members
    from members
    group by segment

),

summed as (

    select
        members.segment,
        options.action,
        min(options.action_name) as action_name,
        min(options.action_kind) as action_kind,
        min(options.campaign) as campaign,
        min(options.channel) as channel,
        min(options.basis) as basis,
        count(*) as candidates,
        sum(options.expected_gain) as gain_of_all,
        count(*) filter (where options.expected_gain > 0) as contacts,
        coalesce(sum(options.expected_gain) filter (where options.expected_gain > 0), 0e0)
            as expected_gain,
        coalesce(sum(options.p_response) filter (where options.expected_gain > 0), 0e0)
            as expected_responses,
        coalesce(sum(options.response_part) filter (where options.expected_gain > 0), 0e0)
            as response_part,
        coalesce(sum(options.cost_part) filter (where options.expected_gain > 0), 0e0)
            as cost_part,
        coalesce(sum(options.stop_part) filter (where options.expected_gain > 0), 0e0)
            as stop_part
    from members
    inner join options on members.contact_id = options.contact_id
    group by members.segment, options.action

)

select
    summed.segment,
    summed.action,
    row_number() over (
        partition by summed.segment
        order by summed.expected_gain desc, summed.gain_of_all desc, summed.action asc
    ) as suggestion_rank,
    summed.action_name,
    summed.action_kind,
    summed.campaign,
    summed.channel,
    sizes.members,
    summed.candidates,
    summed.contacts,
    summed.expected_gain,
    summed.expected_responses,
    summed.response_part,
    summed.cost_part,
    summed.stop_part,
    summed.gain_of_all,
    summed.basis
from summed
inner join sizes on summed.segment = sizes.segment
