-- A mail stands in the hour in which it was sent, local to its contact, whenever it was clicked:
-- by the hours of clicks, the schedule of the past would be learnt. Mails younger than a day have
-- had no time to be clicked, and what bounced was never there.
with mails as (

    select * from {{ ref('fct_emails') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

personas as (

    select * from {{ ref('contact_personas') }}

),

settings as (

    select {{ json_number('days') }} as days
    from ({{ parameter_rows('send_time_settings') }}) as found

),

zones as (

    select
        parameter_key as country,
        {{ json_text('value', 'time_zone') }} as time_zone
    from ({{ parameter_rows('contact_time_zones') }}) as found

),

located as (

    select
        mails.contact_id,
        contacts.vertical,
        personas.persona,
        contacts.country,
        case when mails.human_clicks > 0 then 1 else 0 end as is_clicked,
        {{ local_time('mails.sent_at', 'coalesce(zones.time_zone, reporting.time_zone)') }}
            as sent_at_local
    from mails
    inner join contacts on mails.contact_id = contacts.contact_id
    left join personas on mails.contact_id = personas.contact_id
    left join {{ ref('int_profiling_objections') }} as objections
        on mails.contact_id = objections.contact_id
    left join zones on contacts.country = zones.country
    cross join settings
    cross join {{ ref('stg_system__reporting') }} as reporting
    cross join {{ ref('stg_system__run_context') }} as run_context
    where
        objections.contact_id is null
        and mails.bounced_at is null
        and mails.sent_at > {{ days_later('run_context.as_of', '-settings.days') }}
        and mails.sent_at <= {{ days_later('run_context.as_of', '-1') }}

)

select
    contact_id,
    vertical,
    persona,
    country,
    case when {{ iso_weekday('sent_at_local') }} < 6 then 'weekday' else 'weekend' end as day_kind,
    cast(extract(hour from sent_at_local) as integer) as local_hour,
    count(*) as sends,
    cast(sum(is_clicked) as bigint) as clicks
from located
group by
    contact_id,
    vertical,
    persona,
    country,
    case when {{ iso_weekday('sent_at_local') }} < 6 then 'weekday' else 'weekend' end,
    cast(extract(hour from sent_at_local) as integer)
