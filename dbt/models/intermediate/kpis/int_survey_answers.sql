-- One row per survey answer, with its local day.
with surveys as (

    select * from {{ ref('stg_feedback__surveys') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

)

select
    surveys.response_id,
    surveys.question_type,
    coalesce(surveys.vertical, 'unassigned') as vertical,
    surveys.respondent_key,
    surveys.score,
    surveys.occurred_at,
    cast({{ local_time('surveys.occurred_at', 'reporting.time_zone') }} as date) as answered_on
from surveys
cross join reporting
