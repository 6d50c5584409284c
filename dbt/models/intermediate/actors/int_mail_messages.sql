-- Deliveries, opens and clicks of mails as track messages tell them; `send_number` stands for the
-- send, or for the message itself where it names none.
with mail_events as (

    select
        parameter_key as event,
        {{ json_text('value', 'reaction') }} as reaction
    from ({{ parameter_rows('mail_events') }}) as names

)

select
    messages.message_id,
    {{ number_of("coalesce('events/' || messages.send_id, messages.message_id)") }}
        as send_number,
    messages.send_id,
    mail_events.reaction,
    messages.link,
    messages.user_agent,
    messages.ip,
    coalesce(messages.user_key, messages.email_key, messages.anonymous_key) as person_key,
    messages.occurred_at
from {{ ref('stg_events__messages') }} as messages
inner join mail_events on messages.event = mail_events.event
where
    messages.message_type = 'track'
    and mail_events.reaction in ('delivered', 'opened', 'clicked')
