with versions as (

    select * from {{ ref('stg_segments__definitions') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

evaluations as (

    select * from {{ ref('stg_segments__evaluations') }}

),

computed as (

    select
        segment,
        max(evaluated_at) as computed_at,
        max_by(status, evaluation_sequence) as last_status
    from evaluations
    group by segment

),

applied as (

    select
        segment,
        max(evaluated_at) as applied_at
    from evaluations
    where status = 'applied'
    group by segment

),

members as (

    select
        segment,
        count(*) filter (where member_type = 'contact') as contacts,
        count(*) filter (where member_type = 'account') as accounts
    from {{ ref('segment_membership_history') }}
    where left_at is null
    group by segment

),

-- What a definition was called last while it decided in this way.
spans as (

    select
        *,
        lead(known_at) over (partition by segment order by version_sequence) as valid_to
    from versions

)

select
    spans.segment,
    spans.version_sequence as version_number,
    spans.definition_hash,
    spans.status,
    spans.segment_name,
    spans.segment_description,
    spans.vertical,
    spans.unit,
    spans.priority,
    spans.expected_size,
    spans.max_age_hours,
    spans.definition,
    spans.known_at as valid_from,
    spans.valid_to,
    spans.valid_to is null and spans.status = 'active' as is_current,
    case when spans.valid_to is null then coalesce(members.contacts, 0) end as contacts,
    case
        when spans.valid_to is null and spans.unit = 'account' then coalesce(members.accounts, 0)
    end as accounts,
    applied.applied_at as computed_at,
    computed.last_status = 'held' as is_held,
    coalesce(
        {{ seconds_between('applied.applied_at', 'run_context.as_of') }}
        > spans.max_age_hours * 3600,
        true
    ) as is_stale
from spans
cross join run_context
left join computed on spans.segment = computed.segment
left join applied on spans.segment = applied.segment
left join members on spans.segment = members.segment
