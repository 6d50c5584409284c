{{ config(materialized='table') }}

-- Which boxes there are is consent.yml's; an empty box says nothing.
with boxes as (

    select * from {{ ref('stg_marketing__consent_forms') }}

),

answers as (

    select
        'message' as answer_type,
        events.message_id as answer_id,
        events.user_key,
        events.anonymous_key,
        cast(null as varchar) as email_key,
        cast(null as varchar) as phone_key,
        events.occurred_at,
        events.known_at,
        coalesce(events.event, 'identify') as source,
        boxes.form_position,
        {{ json_text_at(
            "case when events.type = 'track' then events.properties else events.traits end",
            'boxes.field'
        ) }} as answer
    from {{ source('lake', 'events') }} as events
    inner join boxes
        on
            events.type = boxes.source
            and (boxes.name is null or events.event = boxes.name)
    where events.type in ('track', 'identify')
    union all
    select
        'submission' as answer_type,
        forms.source || ':' || forms.submission_id as answer_id,
        null as user_key,
        null as anonymous_key,
        forms.email_key,
        forms.phone_key,
        forms.occurred_at,
        forms.known_at,
        forms.source,
        boxes.form_position,
        {{ json_text_at('forms.payload', 'boxes.field') }} as answer
    from {{ source('lake', 'form_submissions') }} as forms
    inner join boxes
        on
            boxes.source = 'form_submissions'
            and (boxes.name is null or forms.form_id = boxes.name)

)

select
    answers.answer_type,
    answers.answer_id,
    answers.form_position,
    boxes.purpose,
    boxes.channel,
    boxes.legal_basis,
    boxes.text_version,
    answers.source,
    answers.user_key,
    answers.anonymous_key,
    answers.email_key,
    answers.phone_key,
    coalesce(answers.occurred_at, answers.known_at) as decided_at,
    answers.known_at
from answers
inner join boxes on answers.form_position = boxes.form_position
where lower(trim(answers.answer)) in ('true', '1', 'yes', 'oui', 'on')
-- A submission is known again whenever its source tells it again: the first one decided.
qualify row_number() over (
    partition by answers.answer_type, answers.answer_id, answers.form_position
    order by answers.known_at, answers.occurred_at
) = 1
