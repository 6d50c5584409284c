-- One row per deal of a pipeline that sells (a known pipeline without a won stage, such as an
-- onboarding, does not): the source of its unit, and the months it was created and won in.
with deals as (

    select * from {{ ref('fct_deals') }}

),

not_selling as (

    select pipeline
    from {{ ref('stg_marketing__pipeline_stages') }}
    group by pipeline
    having sum(case when is_won then 1 else 0 end) = 0

),

crm as (

    select
        deals.crm_id as deal_id,
        nullif(
            trim({{ json_text_by('deals.properties', 'settings.crm_property') }}), ''
        ) as partner_name
    from {{ ref('stg_crm__deals') }} as deals
    cross join {{ ref('stg_marketing__partner_settings') }} as settings

),

units as (

    select
        deals.*,
        coalesce(
            case
                when verticals.customer_unit = 'contact' then deals.contact_id
                else coalesce(deals.account_id, deals.contact_id)
            end,
            deals.deal_id
        ) as unit_id
    from deals
    left join {{ ref('stg_marketing__verticals') }} as verticals
        on deals.vertical = verticals.vertical

)

select
    units.deal_id,
    coalesce(units.vertical, 'unassigned') as vertical,
    units.unit_id,
    units.account_id,
    coalesce(unit_sources.channel, contact_sources.channel, 'unknown') as channel,
    coalesce(unit_sources.campaign_id, contact_sources.campaign_id) as campaign_id,
    crm.partner_name,
    -- A partner named on the deal itself brought it, whoever brought the contact.
    coalesce(
        partner_names.partner_id,
        lower(crm.partner_name),
        unit_sources.partner_id,
        case when unit_sources.unit_id is null then contact_sources.partner_id end
    ) as partner_id,
    units.is_won,
    units.is_lost,
    units.is_open,
    units.created_on,
    units.closed_at,
    case
        when units.is_won
            then
                coalesce(
                    units.closed_on, units.contract_start_on, units.created_on,
                    cast(units.known_at as date)
                )
    end as won_on,
    units.amount,
    units.amount_base
from units
left join not_selling on units.pipeline = not_selling.pipeline
left join crm on units.deal_id = crm.deal_id
left join {{ ref('stg_marketing__partner_names') }} as partner_names
    on lower(crm.partner_name) = partner_names.known_name
left join {{ ref('int_unit_sources') }} as unit_sources
    on units.vertical = unit_sources.vertical and units.unit_id = unit_sources.unit_id
left join {{ ref('int_contact_sources') }} as contact_sources
    on units.contact_id = contact_sources.contact_id
where not_selling.pipeline is null
