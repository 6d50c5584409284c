-- Points of lead rules that ask for a field of the contact or its organisation, as it is last
-- known.
with rules as (

    select distinct
        {{ json_text('value', 'rule') }} as rule_id,
        {{ json_text('value', 'group') }} as rule_group,
        {{ json_text('value', 'field') }} as field,
        {{ json_text('value', 'text') }} as wanted,
        cast({{ json_text('value', 'is_known') }} as boolean) as is_known,
        {{ json_number('lowest') }} as lowest,
        {{ json_number('below') }} as below,
        {{ json_text('value', 'vertical') }} as vertical,
        {{ json_number('points') }} as points
    from ({{ parameter_rows('lead_field_rules') }}) as found

),

partners as (

    select
        contact_id,
        min(partner_id) as partner_id
    from {{ ref('int_contact_sources') }}
    group by contact_id

),

{% set fields = {
    'vertical': 'contacts', 'role': 'contacts', 'country': 'contacts', 'language': 'contacts',
    'lifecycle_stage': 'contacts', 'lead_source': 'contacts', 'contact_source': 'contacts',
    'account_id': 'contacts', 'account_type': 'accounts', 'partner_id': 'partners',
    'employees': 'accounts', 'population': 'accounts'
} -%}
answered as (

    select
        contacts.contact_id,
        rules.*,
        case rules.field
            {% for name, relation in fields.items() -%}
            when '{{ name }}' then cast({{ relation }}.{{ name }} as varchar)
            {% endfor -%}
        end as value
    from {{ ref('int_contacts') }} as contacts
    left join {{ ref('dim_accounts') }} as accounts on contacts.account_id = accounts.account_id
    left join partners on contacts.contact_id = partners.contact_id
    inner join rules on coalesce(contacts.vertical = rules.vertical, rules.vertical is null)

)

select
    contact_id,
    rule_id,
    rule_group,
    field,
    points
from answered
where
    value = wanted
    or (is_known and value is not null)
    or (not is_known and value is null)
    or (
        coalesce(lowest, below) is not null
        and try_cast(value as double) >= coalesce(lowest, try_cast(value as double))
        and coalesce(try_cast(value as double) < below, below is null)
    )
