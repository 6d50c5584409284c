with settings as (

    select
        {{ json_number('others_for_stage') }} as others_for_stage,
        {{ json_number('default_role_weight') }} as default_role_weight
    from ({{ parameter_rows('account_score_settings') }}) as found

),

buying_roles as (

    select
        parameter_key as role,
        {{ json_number('weight') }} as role_weight,
        cast({{ json_text('value', 'decides') }} as boolean) as decides
    from ({{ parameter_rows('buying_roles') }}) as found

),

engaged as (

    select
        contact_id,
        max(case when period = 'current' then 1 else 0 end) as is_engaged,
        max(case when period = 'baseline' then 1 else 0 end) as was_engaged
    from {{ ref('int_engaged_contacts') }}
    group by contact_id

),

people as (

    select
        contacts.account_id,
        contacts.contact_id,
        -- Who objects to profiling is counted and has no score.
        coalesce(scores.engagement_score, 0e0) as engagement_score,
        scores.last_touch_at,
        coalesce(stages.stage_rank, 0) as stage_rank,
        coalesce(buying_roles.decides, false) as decides,
        coalesce(scores.engagement_score, 0e0)
        * coalesce(buying_roles.role_weight, settings.default_role_weight) / 100 as share,
        coalesce(engaged.is_engaged, 0) as is_engaged,
        coalesce(engaged.was_engaged, 0) as was_engaged,
        row_number() over (
            partition by contacts.account_id, coalesce(buying_roles.decides, false)
            order by coalesce(stages.stage_rank, 0) desc, contacts.contact_id asc
        ) as place
    from {{ ref('int_contacts') }} as contacts
    cross join settings
    left join {{ ref('engagement_scores') }} as scores on contacts.contact_id = scores.contact_id
    left join {{ ref('buyer_stages') }} as stages on contacts.contact_id = stages.contact_id
    left join buying_roles on contacts.role = buying_roles.role
    left join engaged on contacts.contact_id = engaged.contact_id
    where contacts.account_id is not null

),

-- The n-th highest stage among the others is one that n of them hold together.
summed as (

    select
        people.account_id,
        count(*) as contacts,
        cast(sum(people.is_engaged) as bigint) as engaged_contacts,
        cast(sum(case when people.decides then people.is_engaged else 0 end) as bigint)
            as engaged_deciders,
        cast(sum(people.was_engaged) as bigint) as engaged_contacts_before,
        max(people.last_touch_at) as last_touch_at,
        case
            when max(people.share) >= 1 then 100e0
            else 100 * (1 - exp(sum(ln(1 - least(people.share, 0.999999e0)))))
        end as engagement_score,
        coalesce(
            max(people.stage_rank) filter (
                where people.decides or people.place = settings.others_for_stage
            ), 0
        ) as stage_rank
    from people
    cross join settings
    group by people.account_id

),

stored_baselines as (

    select
        parameter_key as vertical,
        {{ json_number('engaged_contacts') }} as engaged_contacts
    from ({{ parameter_rows('engaged_baselines') }}) as found

),

measured_baselines as (

    select
        accounts.vertical,
        avg(summed.engaged_contacts_before) as engaged_contacts
    from summed
    inner join {{ ref('dim_accounts') }} as accounts on summed.account_id = accounts.account_id
    where summed.engaged_contacts_before > 0
    group by accounts.vertical

)

select
    summed.account_id,
    accounts.vertical,
    summed.engagement_score,
    summed.contacts,
    summed.engaged_contacts,
    summed.engaged_deciders,
    summed.engaged_contacts_before,
    stages.stage,
    summed.stage_rank,
    stages.outside_name,
    coalesce(stored_baselines.engaged_contacts, measured_baselines.engaged_contacts)
        as baseline_engaged_contacts,
    case
        when stored_baselines.engaged_contacts is not null then 'stored'
        when measured_baselines.engaged_contacts is not null then 'measured'
        else 'none'
    end as baseline_kind,
    {{ ratio(
        'summed.engaged_contacts',
        'coalesce(stored_baselines.engaged_contacts, measured_baselines.engaged_contacts)'
    ) }} as stakeholder_multiplication,
    summed.last_touch_at
from summed
inner join {{ ref('dim_accounts') }} as accounts on summed.account_id = accounts.account_id
left join stored_baselines on accounts.vertical = stored_baselines.vertical
left join measured_baselines on accounts.vertical = measured_baselines.vertical
inner join (
    select
        parameter_key as stage,
        position as stage_rank,
        {{ json_text('value', 'outside_name') }} as outside_name
    from ({{ parameter_rows('buyer_stage_list') }}) as found
) as stages on summed.stage_rank = stages.stage_rank
