with evidence as (

    select
        evidence.*,
        run_context.as_of,
        coalesce(evidence.ends_at >= run_context.as_of, true) as is_in_force
    from {{ ref('int_stage_evidence') }} as evidence
    inner join {{ ref('stg_system__run_context') }} as run_context
        on evidence.starts_at < run_context.as_of

),

current_stages as (

    select
        contact_id,
        max(stage_rank) as stage_rank
    from evidence
    where is_in_force
    group by contact_id

),

-- Evidence of the current stage in runs without a gap between them.
ordered as (

    select
        evidence.*,
        max(coalesce(evidence.ends_at, evidence.as_of)) over (
            partition by evidence.contact_id
            order by evidence.starts_at, evidence.evidence_id
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from evidence
    inner join current_stages
        on
            evidence.contact_id = current_stages.contact_id
            and evidence.stage_rank = current_stages.stage_rank

),

held as (

    select
        contact_id,
        min(stage) as stage,
        min(stage_rank) as stage_rank,
        max(case when coalesce(covered_until < starts_at, true) then starts_at end) as since_at,
        case when count(*) filter (where is_in_force and ends_at is null) = 0 then max(ends_at) end
            as expires_at,
        count(*) filter (where is_in_force) as evidence_count,
        string_agg(evidence_id, ',' order by starts_at desc, evidence_id asc) filter (
            where is_in_force
        ) as evidence_ids
    from ordered
    group by contact_id

),

names as (

    select
        parameter_key as stage,
        {{ json_text('value', 'outside_name') }} as outside_name
    from ({{ parameter_rows('buyer_stage_list') }}) as found

)

select
    contacts.contact_id,
    contacts.account_id,
    contacts.vertical,
    names.stage,
    coalesce(held.stage_rank, 0) as stage_rank,
    names.outside_name,
    held.since_at,
    held.expires_at,
    coalesce(held.evidence_count, 0) as evidence_count,
    held.evidence_ids
from {{ ref('int_contacts') }} as contacts
left join held on contacts.contact_id = held.contact_id
inner join names on coalesce(held.stage, 'unaware') = names.stage
left join {{ ref('int_profiling_objections') }} as objections
    on contacts.contact_id = objections.contact_id
where objections.contact_id is null
