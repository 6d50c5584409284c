-- By all that is known at as_of, unlike the features: who was sent a mail within 7 days, and
-- clicked or answered within 7 days of it. An open answers nothing. Left out where these days are
-- not over.
{% set horizon_days = 7 -%}
with snapshots as (

    select
        history.contact_id,
        history.snapshot_at
    from {{ ref('int_contact_feature_history') }} as history
    inner join {{ ref('stg_system__run_context') }} as run_context
        on {{ days_later('history.snapshot_at', 2 * horizon_days) }} <= run_context.as_of

),

sends as (

    select
        snapshots.contact_id,
        snapshots.snapshot_at,
        min(mails.sent_at) as sent_at
    from snapshots
    inner join {{ ref('fct_emails') }} as mails
        on
            snapshots.contact_id = mails.contact_id
            and snapshots.snapshot_at <= mails.sent_at
            and {{ days_later('snapshots.snapshot_at', horizon_days) }} > mails.sent_at
    group by snapshots.contact_id, snapshots.snapshot_at

),

answers as (

    select
        contact_id,
        occurred_at
    from {{ ref('fct_touchpoints') }}
    where
        contact_id is not null
        and actor_class != 'machine'
        and (
            (channel = 'email' and touch_type != 'email_open')
            or touch_type in ('sms_click', 'sms_reply', 'push_click')
        )

),

answered as (

    select distinct
        sends.contact_id,
        sends.snapshot_at
    from sends
    inner join answers
        on
            sends.contact_id = answers.contact_id
            and sends.sent_at <= answers.occurred_at
            and {{ days_later('sends.sent_at', horizon_days) }} > answers.occurred_at

)

select
    sends.contact_id,
    sends.snapshot_at,
    answered.contact_id is not null as is_positive
from sends
left join answered
    on
        sends.contact_id = answered.contact_id
        and sends.snapshot_at = answered.snapshot_at
