-- The version in force of each answer. The respondent is the address, else the user, else the
-- answer itself.
with surveys as (

    select *
    from {{ source('lake', 'surveys') }}
    qualify row_number() over (
        partition by response_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    response_id,
    survey,
    question_type,
    vertical,
    email_key,
    user_key,
    coalesce(email_key, user_key, response_id) as respondent_key,
    score,
    occurred_at,
    known_at
from surveys
