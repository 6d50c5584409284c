with requests as (

    select * from {{ ref('stg_privacy__requests') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

)

select
    requests.request_id,
    requests.subject_key,
    requests.state,
    requests.requested_at,
    requests.due_at,
    requests.finished_at,
    requests.steps,
    requests.forwards,
    requests.proof_hash as certificate_hash,
    requests.finished_at is null and requests.due_at <= run_context.as_of as is_late,
    requests.finished_at is null
    and {{ days_later('requests.requested_at', 20) }} <= run_context.as_of as is_pressing
from requests
cross join run_context
where requests.kind = 'erase'
