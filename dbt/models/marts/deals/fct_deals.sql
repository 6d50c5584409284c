with deals as (

    select * from {{ ref('stg_crm__deals') }}

),

stages as (

    select * from {{ ref('stg_marketing__pipeline_stages') }}

),

companies as (

    select * from {{ ref('stg_crm__companies') }}

),

contacts as (

    select
        objects.crm_id,
        objects.object_id as contact_id,
        contacts.vertical
    from {{ ref('int_crm_objects') }} as objects
    inner join {{ ref('int_contacts') }} as contacts on objects.object_id = contacts.contact_id
    where objects.object_type = 'contacts'

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

joined as (

    select
        deals.*,
        reporting.base_currency,
        stages.stage_name,
        companies.company_key as account_id,
        contacts.contact_id,
        coalesce(stages.vertical, companies.vertical, contacts.vertical) as vertical,
        coalesce(stages.is_won, false) as is_won,
        coalesce(stages.is_lost, false) as is_lost,
        coalesce(deals.mrr, deals.amount / 12) as recurring,
        cast({{ local_time('deals.created_at', 'reporting.time_zone') }} as date) as created_on,
        cast({{ local_time('deals.closed_at', 'reporting.time_zone') }} as date) as closed_on
    from deals
    cross join reporting
    left join stages on deals.pipeline = stages.pipeline and deals.stage = stages.stage
    left join companies on deals.company_crm_id = companies.crm_id
    left join contacts on deals.contact_crm_id = contacts.crm_id

)

select
    joined.crm_id as deal_id,
    joined.vertical,
    joined.pipeline,
    joined.stage,
    joined.stage_name,
    joined.is_won,
    joined.is_lost,
    not joined.is_won and not joined.is_lost as is_open,
    joined.deal_type,
    joined.account_id,
    joined.contact_id,
    joined.amount,
    joined.mrr,
    joined.currency,
    {{ to_base('joined.amount', 'joined.currency', 'joined.base_currency', 'fx.rate') }}
        as amount_base,
    {{ to_base('joined.recurring', 'joined.currency', 'joined.base_currency', 'fx.rate') }}
        as recurring_base,
    joined.recurring is not null as has_recurring,
    joined.created_at,
    joined.created_on,
    joined.closed_at,
    joined.closed_on,
    joined.contract_start_on,
    joined.contract_end_on,
    joined.known_at
from joined
left join {{ ref('int_fx_rates_daily') }} as fx
    on
        joined.currency = fx.currency
        and coalesce(joined.contract_start_on, joined.closed_on, joined.created_on) = fx.valid_on
