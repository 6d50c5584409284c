-- Points of lead rules that count touches, as they stood at as_of and on days before.
with rules as (

    {{ lead_touch_rules() }}

),

days as (

    {{ days_back() }}

),

given as (

    select
        signals.contact_id,
        signals.touch_id,
        signals.age_days,
        rules.rule_id,
        rules.rule_group,
        rules.cap,
        days.days_back,
        rules.points
        * {{ decayed('signals.age_days - days.days_back', 'rules.half_life_days') }} as points
    from {{ ref('int_lead_signals') }} as signals
    inner join rules on signals.touch_type = rules.touch_type
    inner join days on signals.age_days > days.days_back

),

counted as (

    select
        contact_id,
        rule_id,
        rule_group,
        days_back,
        min(cap) as cap,
        sum(points) as raw_points,
        count(*) as touches
    from given
    group by contact_id, rule_id, rule_group, days_back

),

-- Apart from the sums: an ordered list in each of their groups costs more than they do.
evidence as (

    select
        contact_id,
        rule_id,
        days_back,
        string_agg(touch_id, ',' order by age_days, touch_id) as evidence_ids
    from given
    where days_back = 0 and points not between -0.5 and 0.5
    group by contact_id, rule_id, days_back

)

select
    counted.contact_id,
    counted.rule_id,
    counted.rule_group,
    counted.days_back,
    counted.raw_points,
    greatest(-counted.cap, least(counted.cap, counted.raw_points)) as points,
    counted.touches,
    evidence.evidence_ids
from counted
left join evidence
    on
        counted.contact_id = evidence.contact_id
        and counted.rule_id = evidence.rule_id
        and counted.days_back = evidence.days_back
