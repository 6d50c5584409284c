-- An event with two meanings has the first of: touch or mail, end of mails, ticket or training.
with meanings as (

    select
        parameter_key as event,
        case {{ json_text('value', 'reaction') }}
            when 'opened' then 'email_open'
            when 'clicked' then 'email_click'
        end as touch_type
    from ({{ parameter_rows('mail_events') }}) as names
    where {{ json_text('value', 'reaction') }} in ('opened', 'clicked')
    union all
    select
        event,
        touch_type
    from {{ ref('stg_marketing__touch_events') }}

),

named as (

    select
        event,
        {{ signal_family('touch_type') }} as family,
        touch_type,
        1 as position
    from meanings
    union all
    select
        event,
        'mail_stops' as family,
        null as touch_type,
        2 as position
    from {{ ref('stg_marketing__consent_mail_events') }}
    where reason is not null
    union all
    select
        parameter_key as event,
        {{ json_text('value', 'family') }} as family,
        null as touch_type,
        3 as position
    from ({{ parameter_rows('feature_events') }}) as names

)

select
    event,
    family,
    touch_type
from named
qualify row_number() over (partition by event order by position, touch_type) = 1
