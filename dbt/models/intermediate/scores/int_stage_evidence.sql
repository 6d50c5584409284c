-- What says in which buyer stage a contact was, from when to when. Touches are evidence for the
-- stage's days (both ends count), from the n-th in them where several are asked; deals and
-- lifecycle stages while they stand; a contract while it runs.
with stages as (

    select
        parameter_key as stage,
        position as stage_rank,
        cast({{ json_text('value', 'valid_days') }} as double) as valid_days
    from ({{ parameter_rows('buyer_stage_list') }}) as found

),

rules as (

    select
        {{ json_text('value', 'stage') }} as stage,
        {{ json_text('value', 'touch') }} as touch_type,
        {{ json_number('valid_days') }} as valid_days,
        cast({{ json_text('value', 'at_least') }} as integer) as at_least
    from ({{ parameter_rows('buyer_stage_touches') }}) as found

),

crm_stages as (

    select
        {{ json_text('value', 'kind') }} as kind,
        {{ json_text('value', 'crm_stage') }} as crm_stage,
        {{ json_text('value', 'stage') }} as stage
    from ({{ parameter_rows('buyer_stage_crm') }}) as found

),

numbered as (

    select
        touches.*,
        rules.stage,
        rules.valid_days,
        rules.at_least,
        row_number() over (
            partition by touches.contact_id, rules.stage, touches.touch_type
            order by touches.occurred_at, touches.touch_id
        ) as touch_number
    from {{ ref('int_contact_touches') }} as touches
    inner join rules on touches.touch_type = rules.touch_type

),

touched as (

    select
        numbered.contact_id,
        numbered.stage,
        numbered.touch_id as evidence_id,
        numbered.occurred_at as starts_at,
        earlier.occurred_at as counts_from,
        numbered.valid_days
    from numbered
    inner join numbered as earlier
        on
            numbered.contact_id = earlier.contact_id
            and numbered.stage = earlier.stage
            and numbered.touch_type = earlier.touch_type
            and numbered.touch_number - numbered.at_least + 1 = earlier.touch_number
    union all
    select
        touches.contact_id,
        stages.stage,
        touches.touch_id as evidence_id,
        touches.occurred_at as starts_at,
        touches.occurred_at as counts_from,
        stages.valid_days
    from {{ ref('int_contact_touches') }} as touches
    inner join stages on stages.stage = 'awareness'

),

found as (

    select
        contact_id,
        stage,
        'touch' as evidence_kind,
        evidence_id,
        starts_at,
        {{ days_later('counts_from', 'valid_days') }} as ends_at
    from touched
    where {{ days_later('counts_from', 'valid_days') }} >= starts_at
    union all
    select
        deals.contact_id,
        crm_stages.stage,
        'deal' as evidence_kind,
        'deal/' || deals.deal_id as evidence_id,
        coalesce(sightings.first_known_at, deals.created_at) as starts_at,
        null as ends_at
    from {{ ref('fct_deals') }} as deals
    inner join crm_stages on deals.stage = crm_stages.crm_stage and crm_stages.kind = 'deal'
    left join {{ ref('stg_crm__deal_stage_sightings') }} as sightings
        on
            deals.deal_id = sightings.crm_id
            and deals.pipeline = sightings.pipeline
            and deals.stage = sightings.stage
    where deals.is_open and deals.contact_id is not null
    union all
    select
        contacts.contact_id,
        crm_stages.stage,
        'lifecycle' as evidence_kind,
        'lifecycle/' || contacts.lifecycle_stage as evidence_id,
        contacts.created_at as starts_at,
        null as ends_at
    from {{ ref('int_contacts') }} as contacts
    inner join crm_stages
        on contacts.lifecycle_stage = crm_stages.crm_stage and crm_stages.kind = 'lifecycle'
    union all
    select
        contacts.contact_id,
        'retention' as stage,
        'contract' as evidence_kind,
        'deal/' || contracts.deal_id as evidence_id,
        cast(contracts.starts_on as timestamp) as starts_at,
        cast(contracts.ends_on as timestamp) as ends_at
    from {{ ref('int_contracts') }} as contracts
    inner join {{ ref('int_contacts') }} as contacts
        on contracts.customer_id in (contacts.account_id, contacts.contact_id)

)

select
    found.contact_id,
    found.stage,
    stages.stage_rank,
    found.evidence_kind,
    found.evidence_id,
    found.starts_at,
    found.ends_at
from found
inner join stages on found.stage = stages.stage
