-- Points of lead rules that count touches, as they stood at as_of and some days before.
with rules as (

    {{ lead_touch_rules() }}

),

days as (

    {{ days_back() }}

),

counted as (

    select
        signals.contact_id,
        rules.rule_id,
        rules.rule_group,
        days.days_back,
        min(rules.cap) as cap,
        sum(
            rules.points
            * {{ decayed('signals.age_days - days.days_back', 'rules.half_life_days') }}
        ) as raw_points,
        count(*) as touches,
        string_agg(signals.touch_id, ',' order by signals.age_days, signals.touch_id) filter (
            where days.days_back = 0
            and rules.points * {{ decayed('signals.age_days', 'rules.half_life_days') }}
            not between -0.5 and 0.5
        ) as evidence_ids
    from {{ ref('int_lead_signals') }} as signals
    inner join rules on signals.touch_type = rules.touch_type
    inner join days on signals.age_days > days.days_back
    group by signals.contact_id, rules.rule_id, rules.rule_group, days.days_back

)

select
    contact_id,
    rule_id,
    rule_group,
    days_back,
    raw_points,
    greatest(-cap, least(cap, raw_points)) as points,
    touches,
    evidence_ids
from counted
