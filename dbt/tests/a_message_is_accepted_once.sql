-- A message that two attempts had accepted was sent twice. It cannot be taken back, so this warns.
{{ config(severity='warn') }}

with logs as (

    select * from {{ ref('delivery_logs') }}

)

select
    message_id,
    count(*) as acceptances
from logs
where entry_kind = 'attempt' and event_type = 'accepted'
group by message_id
having count(*) > 1
