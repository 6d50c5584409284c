{{ config(materialized='view') }}

-- One row per vertical and unit that was asked how it heard of us: its oldest contact's answer.
with answers as (

    select
        contacts.contact_id,
        contacts.account_id,
        coalesce(contacts.vertical, 'unassigned') as vertical,
        crm.created_at,
        questions.position,
        nullif(
            trim({{ json_text_by('crm.properties', 'questions.parameter_key') }}), ''
        ) as answer
    from {{ ref('stg_crm__contacts') }} as crm
    inner join {{ ref('int_contacts') }} as contacts on crm.contact_key = contacts.contact_key
    cross join ({{ parameter_rows('attribution_self_reported') }}) as questions

)

select
    answers.vertical,
    case
        when reaches.unit_type = 'account' then coalesce(answers.account_id, answers.contact_id)
        else answers.contact_id
    end as unit_id,
    answers.answer as self_reported_source
from answers
left join {{ ref('stg_marketing__attribution_verticals') }} as reaches
    on answers.vertical = reaches.vertical
where answers.answer is not null
qualify row_number() over (
    partition by answers.vertical, unit_id
    order by answers.created_at, answers.contact_id, answers.position
) = 1
