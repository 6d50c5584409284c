-- One row per partner of a won deal: deals it sourced, and those it influenced (sourced, or a contact
-- of the account came by it before the win). A deal may have several influences, so these do not add
-- up over partners.
with deals as (

    select * from {{ ref('int_deal_sources') }}

),

brought_contacts as (

    select * from {{ ref('int_contact_sources') }}
    where partner_id is not null

),

-- Won deals that a partner sourced, or before which it had brought a contact of the account.
deal_partners as (

    select
        deal_id,
        partner_id,
        true as is_sourced
    from deals
    where is_won and partner_id is not null
    union all
    select distinct
        deals.deal_id,
        brought_contacts.partner_id,
        false as is_sourced
    from deals
    inner join brought_contacts
        on
            deals.account_id = brought_contacts.account_id
            and brought_contacts.created_at
            < coalesce(deals.closed_at, cast(deals.won_on as timestamp))
    where
        deals.is_won
        and brought_contacts.partner_id is distinct from deals.partner_id

),

revenue as (

    select
        deal_partners.partner_id,
        {% for reading, condition in [
            ('sourced', 'deal_partners.is_sourced'), ('influenced', 'true')
        ] -%}
        sum(case when {{ condition }} then 1 else 0 end) as {{ reading }}_deals_won,
        sum(case when {{ condition }} then coalesce(deals.amount_base, 0) else 0 end)
            as {{ reading }}_known,
        sum(
            case
                when
                    {{ condition }}
                    and deals.amount is not null
                    and deals.amount_base is null
                    then 1
                else 0
            end
        ) as {{ reading }}_unknown{% if not loop.last %},{% endif %}
        {% endfor %}
    from deal_partners
    inner join deals on deal_partners.deal_id = deals.deal_id
    group by deal_partners.partner_id

)

select * from revenue
