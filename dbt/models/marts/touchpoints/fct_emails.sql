-- What became of each mail, by track messages of the mail tool, webhooks of providers and links.
{{ config(meta={'month_column': 'delivered_on'}) }}

with reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

meanings as (

    select
        parameter_key as event,
        {{ json_text('value', 'reaction') }} as meaning
    from ({{ parameter_rows('mail_events') }}) as names
    union
    select
        event,
        case reason
            when 'hard_bounce' then 'bounced'
            when 'complaint' then 'complained'
            else 'unsubscribed'
        end as meaning
    from {{ ref('stg_marketing__consent_mail_events') }}
    where reason is not null

),

told as (

    select
        'mail_tool' as source,
        events.send_id as source_id,
        meanings.meaning,
        events.contact_id,
        events.vertical,
        events.mailing_id,
        events.actor_class,
        events.occurred_at,
        events.known_at
    from {{ ref('fct_events') }} as events
    inner join meanings on events.event = meanings.event
    where events.message_type = 'track' and events.send_id is not null
    union all
    select
        deliveries.send_provider as source,
        deliveries.send_id as source_id,
        deliveries.event_type as meaning,
        members.contact_id,
        null as vertical,
        null as mailing_id,
        coalesce(actors.actor_class, 'human') as actor_class,
        deliveries.occurred_at,
        deliveries.known_at
    from {{ ref('int_delivery_events') }} as deliveries
    left join {{ ref('int_identity_members') }} as members
        on deliveries.email_key = members.identifier_key
    left join {{ ref('int_event_actors') }} as actors
        on
            actors.origin = 'webhooks'
            and actors.event_id = deliveries.provider || '/' || deliveries.provider_event_id
    where
        deliveries.channel = 'email'
        and deliveries.send_id is not null
        and not deliveries.is_test
        and not deliveries.is_unasked

),

{% set human = "actor_class != 'machine'" -%}
mails as (

    select
        source,
        source_id,
        min(contact_id) as contact_id,
        min(vertical) as vertical,
        min(mailing_id) as mailing_id,
        min(occurred_at) filter (where meaning in ('processed', 'sent', 'delivered')) as sent_at,
        min(known_at) filter (where meaning in ('processed', 'sent', 'delivered')) as sent_known_at,
        min(occurred_at) filter (where meaning = 'delivered') as delivered_at,
        min(occurred_at) filter (where meaning = 'opened' and {{ human }}) as human_opened_at,
        min(occurred_at) filter (where meaning = 'clicked' and {{ human }}) as human_clicked_at,
        count(*) filter (where meaning = 'opened' and {{ human }}) as human_opens,
        count(*) filter (where meaning = 'clicked' and {{ human }}) as human_clicks,
        count(*) filter (where meaning = 'opened' and not {{ human }}) as machine_opens,
        count(*) filter (where meaning = 'clicked' and not {{ human }}) as machine_clicks,
        min(occurred_at) filter (where meaning in ('bounced', 'dropped')) as bounced_at,
        min(occurred_at) filter (where meaning = 'unsubscribed') as unsubscribed_at,
        min(occurred_at) filter (where meaning = 'complained') as complained_at
    from told
    group by source, source_id

)

select
    md5(mails.source || '/' || mails.source_id) as email_id,
    mails.contact_id,
    contacts.account_id,
    coalesce(contacts.vertical, mails.vertical) as vertical,
    mails.mailing_id,
    mails.sent_at,
    mails.sent_known_at,
    mails.delivered_at,
    cast({{ local_time('mails.delivered_at', 'reporting.time_zone') }} as date) as delivered_on,
    mails.human_opened_at,
    mails.human_clicked_at,
    mails.human_opens,
    mails.human_clicks,
    mails.machine_opens,
    mails.machine_clicks,
    mails.bounced_at,
    mails.unsubscribed_at,
    mails.complained_at,
    mails.source,
    mails.source_id
from mails
cross join reporting
left join {{ ref('int_contacts') }} as contacts on mails.contact_id = contacts.contact_id
