with touches as (

    select
        touches.*,
        {{ month_of('touches.occurred_on') }} as month,
        outcomes.has_form,
        outcomes.has_meeting,
        outcomes.is_observed
    from {{ ref('int_content_touches') }} as touches
    left join {{ ref('int_content_outcomes') }} as outcomes on touches.touch_id = outcomes.touch_id

),

items as (

    select * from {{ ref('dim_content') }}

),

counted as (

    select
        content_id,
        month,
        count(*) as touches,
        count(case when is_human then 1 end) as human_touches,
        count(case when is_human and touch_type = 'content_view' then 1 end) as views,
        count(case when is_human and touch_type = 'content_view' and channel = 'email' then 1 end)
            as views_from_mail,
        count(case when is_human and touch_type in ('email_click', 'sms_click', 'push_click') then 1 end) as clicks,
        count(case when is_human and touch_type in ('content_download', 'tender_download') then 1 end) as downloads,
        count(case when is_human and touch_type = 'webinar_register' then 1 end) as registrations,
        count(case when is_human and touch_type = 'webinar_attend' then 1 end) as attendances,
        count(case when is_human and touch_type in ('video_view', 'case_study_view') then 1 end) as plays_and_reads,
        count(case when not is_human then 1 end) as machine_touches,
        count(distinct case when is_human then contact_id end) as contacts,
        count(distinct case when is_human and touch_type <> 'content_view' then contact_id end)
            as acting_contacts,
        count(distinct case when has_form then contact_id end) as contacts_with_form,
        count(distinct case when is_observed then contact_id end) as observed_contacts,
        count(distinct case when is_observed and has_meeting then contact_id end)
            as contacts_with_meeting
    from touches
    group by grouping sets ((content_id, month), (content_id))

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
    {% for count in [
        'touches', 'human_touches', 'views', 'views_from_mail', 'clicks', 'downloads',
        'registrations', 'attendances', 'plays_and_reads', 'machine_touches', 'contacts',
        'acting_contacts', 'contacts_with_form', 'observed_contacts', 'contacts_with_meeting'
    ] -%}
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
