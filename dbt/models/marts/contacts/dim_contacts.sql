with contacts as (

    select * from {{ ref('int_contacts') }}

),

orders as (

    select
        contact_id,
        count(*) as order_count,
        min(ordered_at) as first_order_at,
        max(ordered_at) as last_order_at,
        -- One currency, or no single sum exists.
        case when count(distinct currency) = 1 then sum(revenue) end as order_revenue,
        case when count(distinct currency) = 1 then min(currency) end as order_currency,
        case when count(revenue) = count(revenue_base) then sum(revenue_base) end
            as order_revenue_base
    from {{ ref('fct_orders') }}
    where contact_id is not null
    group by contact_id

),

merged_away as (

    select
        objects.object_id as contact_id,
        count(*) as merged_contacts
    from {{ ref('stg_crm__contact_merges') }} as merged_ids
    inner join {{ ref('int_crm_objects') }} as objects
        on merged_ids.merged_crm_id = objects.crm_id and objects.object_type = 'contacts'
    group by objects.object_id

)

select
    contacts.contact_id,
    contacts.contact_source,
    contacts.contact_key,
    contacts.user_key,
    contacts.external_key,
    contacts.email_key,
    contacts.phone_key,
    contacts.account_id,
    contacts.account_evidence,
    contacts.vertical,
    contacts.role,
    contacts.lifecycle_stage,
    contacts.country,
    contacts.language,
    contacts.lead_source,
    contacts.created_at,
    contacts.identifiers,
    contacts.crm_contacts,
    coalesce(merged_away.merged_contacts, 0) as merged_contacts,
    coalesce(orders.order_count, 0) as orders,
    cast(orders.order_revenue as decimal(18, 4)) as order_revenue,
    orders.order_currency,
    cast(orders.order_revenue_base as decimal(18, 4)) as order_revenue_base,
    orders.first_order_at,
    orders.last_order_at
from contacts
left join orders on contacts.contact_id = orders.contact_id
left join merged_away on contacts.contact_id = merged_away.contact_id
