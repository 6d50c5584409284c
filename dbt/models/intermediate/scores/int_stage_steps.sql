-- First times only: a stage is reached at its first evidence, unless a higher one was reached by
-- then, and a step leads from the stage reached before. Of deals it counts when they came into a
-- stage, whatever became of them since; what the CRM's lifecycle stage says has no past.
with evidence as (

    select * from {{ ref('int_stage_evidence') }}
    where evidence_kind in ('touch', 'contract')

),

deal_stages as (

    select
        parameter_key,
        {{ json_text('value', 'crm_stage') }} as crm_stage,
        {{ json_text('value', 'stage') }} as stage
    from ({{ parameter_rows('buyer_stage_crm') }}) as found
    where {{ json_text('value', 'kind') }} = 'deal'

),

stages as (

    select
        parameter_key as stage,
        position as stage_rank
    from ({{ parameter_rows('buyer_stage_list') }}) as found

),

entries as (

    select
        contact_id,
        stage_rank,
        starts_at as entered_at
    from evidence
    union all
    select
        deals.contact_id,
        stages.stage_rank,
        coalesce(
            {{ time_from_text(json_text_by(
                'crm.properties', "'hs_v2_date_entered_' || sightings.stage"
            )) }},
            sightings.first_known_at
        ) as entered_at
    from {{ ref('fct_deals') }} as deals
    inner join {{ ref('stg_crm__deals') }} as crm on deals.deal_id = crm.crm_id
    inner join {{ ref('stg_crm__deal_stage_sightings') }} as sightings
        on deals.deal_id = sightings.crm_id
    inner join deal_stages on sightings.stage = deal_stages.crm_stage
    inner join stages on deal_stages.stage = stages.stage
    where deals.contact_id is not null

),

firsts as (

    select
        entries.contact_id,
        entries.stage_rank,
        min(entries.entered_at) as entered_at
    from entries
    cross join {{ ref('stg_system__run_context') }} as run_context
    where entries.entered_at < run_context.as_of and entries.stage_rank > 0
    group by entries.contact_id, entries.stage_rank

),

reached as (

    select *
    from firsts
    qualify coalesce(
        entered_at < min(entered_at) over (
            partition by contact_id
            order by stage_rank
            rows between 1 following and unbounded following
        ), true
    )

),

paired as (

    select
        *,
        lag(stage_rank) over upwards as from_rank,
        lag(entered_at) over upwards as left_at
    from reached
    window upwards as (partition by contact_id order by stage_rank)

)

select
    paired.contact_id,
    contacts.vertical,
    lower_stages.stage as from_stage,
    stages.stage as to_stage,
    paired.from_rank,
    paired.stage_rank as to_rank,
    paired.entered_at as stepped_at,
    cast({{ local_time('paired.entered_at', 'run_context.time_zone') }} as date) as stepped_on,
    {{ seconds_between('paired.left_at', 'paired.entered_at') }} / 86400e0 as days
from paired
cross join {{ ref('stg_system__run_context') }} as run_context
inner join {{ ref('int_contacts') }} as contacts on paired.contact_id = contacts.contact_id
inner join stages on paired.stage_rank = stages.stage_rank
inner join stages as lower_stages on paired.from_rank = lower_stages.stage_rank
