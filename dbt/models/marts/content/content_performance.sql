{% set columns = [
    'content_id', 'touch_type', 'contact_id', 'channel', 'is_human', 'has_form', 'has_meeting',
    'is_observed'
] -%}
{% set counts = {
    'touches': "true",
    'human_touches': "is_human",
    'views': "is_human and touch_type = 'content_view'",
    'views_from_mail': "is_human and touch_type = 'content_view' and channel = 'email'",
    'clicks': "is_human and touch_type in ('email_click', 'sms_click', 'push_click')",
    'downloads': "is_human and touch_type in ('content_download', 'tender_download')",
    'registrations': "is_human and touch_type = 'webinar_register'",
    'attendances': "is_human and touch_type = 'webinar_attend'",
    'plays_and_reads': "is_human and touch_type in ('video_view', 'case_study_view')",
    'machine_touches': "not is_human",
} -%}
{% set people = {
    'contacts': "is_human",
    'acting_contacts': "is_human and touch_type <> 'content_view'",
    'contacts_with_form': "has_form",
    'observed_contacts': "is_observed",
    'contacts_with_meeting': "is_observed and has_meeting",
} -%}
with touches as (

    select
        touches.content_id,
        touches.touch_type,
        touches.contact_id,
        touches.channel,
        touches.is_human,
        outcomes.has_form,
        outcomes.has_meeting,
        outcomes.is_observed,
        {{ month_of('touches.occurred_on') }} as month
    from {{ ref('int_content_touches') }} as touches
    left join {{ ref('int_content_outcomes') }} as outcomes on touches.touch_id = outcomes.touch_id

),

items as (

    select * from {{ ref('dim_content') }}

),

-- Each touch in its month and, without one, in the total.
periods_of_touches as (

    select * from touches
    union all
    select
        {% for column in columns -%}
        {{ column }},
        {% endfor -%}
        cast(null as date) as month
    from touches

),

counted as (

    select
        content_id,
        month,
        {% for name, condition in counts.items() -%}
        count(case when {{ condition }} then 1 end) as {{ name }},
        {% endfor -%}
        {% for name, condition in people.items() -%}
        count(distinct case when {{ condition }} then contact_id end) as {{ name }},
        {% endfor -%}
        count(distinct month) as months
    from periods_of_touches
    group by content_id, month

),

-- Every item has a total, also one that nobody ever met.
periods as (

    select
        content_id,
        month
    from counted
    where month is not null
    union all
    select
        content_id,
        null as month
    from items

)

select
    periods.content_id,
    case when periods.month is null then 'total' else 'month' end as period,
    periods.month,
    items.vertical,
    items.content_type,
    {% for count in (counts | list) + (people | list) -%}
    coalesce(counted.{{ count }}, 0) as {{ count }},
    {% endfor -%}
    {{ ratio('counted.acting_contacts', 'counted.contacts') }} as action_rate,
    {{ ratio('counted.contacts_with_form', 'counted.contacts') }} as form_rate,
    {{ ratio('counted.contacts_with_meeting', 'counted.observed_contacts') }} as meeting_rate
from periods
inner join items on periods.content_id = items.content_id
left join counted
    on
        periods.content_id = counted.content_id
        and periods.month is not distinct from counted.month
