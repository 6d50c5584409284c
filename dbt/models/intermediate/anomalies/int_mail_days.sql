-- What became of a mail counts where it happened within a day of its sending, so that a day of
-- mails does not go on changing while it is compared.
with mails as (

    select
        vertical,
        mailing_id,
        coalesce(sent_at, delivered_at, bounced_at) as sent_at,
        delivered_at,
        bounced_at,
        human_clicked_at,
        unsubscribed_at
    from {{ ref('fct_emails') }}

),

located as (

    select
        mails.*,
        cast({{ local_time('mails.sent_at', 'reporting.time_zone') }} as date) as sent_on
    from mails
    cross join {{ ref('stg_system__reporting') }} as reporting
    where mails.sent_at is not null

)

select
    vertical,
    mailing_id,
    sent_on,
    count(*) as mails,
    count(*) filter (where bounced_at is null) as delivered,
    count(*) filter (where bounced_at < {{ days_later('sent_at', 1) }}) as bounced,
    count(*) filter (where human_clicked_at < {{ days_later('sent_at', 1) }}) as clicked,
    count(*) filter (where unsubscribed_at < {{ days_later('sent_at', 1) }}) as unsubscribed
from located
group by vertical, mailing_id, sent_on
