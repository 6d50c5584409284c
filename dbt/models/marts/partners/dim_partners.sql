with listed as (

    select * from {{ ref('stg_marketing__partners') }}

),

deals as (

    select * from {{ ref('int_deal_sources') }}

),

brought_contacts as (

    select * from {{ ref('int_contact_sources') }}
    where partner_id is not null

),

-- Who is named in the CRM but listed nowhere is a partner all the same.
named as (

    select
        partner_id,
        min(partner_name) as partner_name
    from (
        select
            partner_id,
            partner_name
        from brought_contacts
        union all
        select
            partner_id,
            partner_name
        from deals
        where partner_name is not null
    ) as names
    group by partner_id

),

partners as (

    select
        coalesce(listed.partner_id, named.partner_id) as partner_id,
        coalesce(listed.partner_name, named.partner_name) as partner_name,
        coalesce(listed.partner_type, 'unlisted') as partner_type,
        listed.verticals
    from listed
    full join named on listed.partner_id = named.partner_id

),

contact_counts as (

    select
        partner_id,
        count(*) as contacts,
        count(distinct account_id) as accounts
    from brought_contacts
    group by partner_id

),

customer_counts as (

    select
        units.partner_id,
        count(*) as new_customers
    from {{ ref('int_unit_sources') }} as units
    inner join {{ ref('int_funnel_entries') }} as entries
        on
            units.vertical = entries.vertical
            and units.unit_id = entries.unit_id
            and entries.metric = 'new_customers'
    where units.partner_id is not null
    group by units.partner_id

)

select
    partners.partner_id,
    partners.partner_name,
    partners.partner_type,
    partners.verticals,
    coalesce(contact_counts.contacts, 0) as sourced_contacts,
    coalesce(contact_counts.accounts, 0) as sourced_accounts,
    coalesce(customer_counts.new_customers, 0) as sourced_new_customers,
    reporting.base_currency as currency,
    {% for reading in ['sourced', 'influenced'] -%}
    coalesce(revenue.{{ reading }}_deals_won, 0) as {{ reading }}_deals_won,
    case
        when revenue.partner_id is null then cast(0 as decimal(18, 4))
        else revenue.{{ reading }}_won_base
    end as {{ reading }}_won_base{% if not loop.last %},{% endif %}
    {% endfor %}
from partners
cross join {{ ref('stg_system__reporting') }} as reporting
left join contact_counts on partners.partner_id = contact_counts.partner_id
left join customer_counts on partners.partner_id = customer_counts.partner_id
left join {{ ref('int_partner_revenue') }} as revenue
    on partners.partner_id = revenue.partner_id
