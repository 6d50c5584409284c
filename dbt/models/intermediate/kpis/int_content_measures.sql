{{ config(materialized='view') }}

-- One row per vertical, month of the plan and measure of the content calendar's slots. None for a
-- vertical that never published: its library is not connected, and nothing was missed.
with slots as (

    select
        vertical,
        {{ month_of('planned_on') }} as month,
        calendar_status
    from {{ ref('content_calendar') }}
    where calendar_status in ('on_time', 'late', 'missed')

),

publishing as (

    select distinct vertical
    from {{ ref('content_calendar') }}
    where content_id is not null

)

{% for measure, statuses in {
    'content_due': "'on_time', 'late', 'missed'",
    'content_published': "'on_time', 'late'",
    'content_on_time': "'on_time'",
}.items() -%}
select
    slots.vertical,
    slots.month,
    '{{ measure }}' as measure,
    sum(case when slots.calendar_status in ({{ statuses }}) then 1 else 0 end) * 1e0 as value,
    0 as unknown
from slots
inner join publishing on slots.vertical = publishing.vertical
group by slots.vertical, slots.month
{% if not loop.last %}union all{% endif %}
{% endfor %}
