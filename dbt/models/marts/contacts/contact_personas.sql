with contacts as (

    select * from {{ ref('int_contact_traits') }}

),

rules as (

    select * from {{ ref('stg_marketing__persona_rules') }}

),

personas as (

    select * from {{ ref('stg_marketing__personas') }}

),

-- The first rule that fits, and of its cases the first. Who objects to profiling has no persona.
matched as (

    select
        contacts.contact_id,
        rules.*
    from contacts
    left join {{ ref('int_profiling_objections') }} as objections
        on contacts.contact_id = objections.contact_id
    inner join rules on {{ fits_case('contacts', 'rules') }}
    where objections.contact_id is null
    qualify row_number() over (
        partition by contacts.contact_id order by rules.position, rules.case_id
    ) = 1

)

select
    contacts.contact_id,
    contacts.vertical,
    matched.persona,
    personas.name as persona_name,
    matched.rule_id,
    -- What the rule asked for and found; never more of the person than that.
    nullif(
        trim(concat(
            coalesce('vertical=' || matched.vertical || ' ', ''),
            coalesce('role=' || matched.role || ' ', ''),
            coalesce('account_type=' || matched.account_type || ' ', ''),
            coalesce('age>=' || cast(matched.age_from as varchar) || ' ', ''),
            coalesce('age<' || cast(matched.age_below as varchar) || ' ', '')
        )), ''
    ) as evidence
from contacts
left join matched on contacts.contact_id = matched.contact_id
left join personas on matched.persona = personas.persona
