-- Names need not be unique; keys are.
with named as (
    select
        * replace (
            segment_name || if(count(*) over (partition by segment_name) > 1, ' (' || segment || ')', '')
                as segment_name
        )
    from marts.marketing_segments
    where is_current
),

months as (
    select
        segment,
        cast(date_trunc('month', evaluated_at) as date) as month,
        max_by(members, evaluation_number) as members,
        sum(entered) as entered,
        sum(departed) as departed,
        count(*) as evaluations
    from marts.segment_drift
    where status = 'applied'
    group by all
)

select
    segments.segment_name,
    segments.vertical,
    segments.unit as members_are,
    months.month,
    months.members,
    months.entered,
    months.departed,
    months.evaluations
from months
inner join named as segments on months.segment = segments.segment
where months.month > (select max(month) from months) - interval 12 months
order by segments.priority, segments.segment_name, months.month
