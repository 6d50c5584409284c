{{ config(materialized='view') }}

-- What lead rules may count: touches by humans, and what came of mails.
select
    contact_id,
    touch_id,
    touch_type,
    occurred_at,
    age_days
from {{ ref('int_contact_touches') }}
{% for name, at in [
    ('email_unsubscribe', 'unsubscribed_at'), ('email_complaint', 'complained_at'),
    ('email_bounce', 'bounced_at')
] -%}
union all
select
    mails.contact_id,
    mails.email_id as touch_id,
    '{{ name }}' as touch_type,
    mails.{{ at }} as occurred_at,
    {{ seconds_between('mails.' ~ at, 'run_context.as_of') }} / 86400e0 as age_days
from {{ ref('fct_emails') }} as mails
inner join {{ ref('stg_system__run_context') }} as run_context
    on mails.{{ at }} < run_context.as_of
where mails.contact_id is not null
{% endfor -%}
