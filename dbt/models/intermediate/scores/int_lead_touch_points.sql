-- Points of lead rules that count touches, as they stood at as_of and on days before. Points decay
-- alike, so what lies between two of the days is summed once and then taken to each of them.
with rules as (

    {{ lead_touch_rules() }}

),

days as (

    {{ days_back() }}

),

spans as (

    select
        days_back,
        lead(days_back) over (order by days_back) as until_days_back
    from days

),

given as (

    select
        signals.contact_id,
        signals.touch_id,
        signals.age_days,
        rules.rule_id,
        rules.rule_group,
        rules.cap,
        rules.half_life_days,
        rules.points * {{ decayed('signals.age_days', 'rules.half_life_days') }} as points
    from {{ ref('int_lead_signals') }} as signals
    inner join rules on signals.touch_type = rules.touch_type

),

between_days as (

    select
        given.contact_id,
        given.rule_id,
        given.rule_group,
        given.half_life_days,
        spans.days_back,
        min(given.cap) as cap,
        sum(given.points) as points,
        count(*) as touches
    from given
    inner join spans
        on
            given.age_days > spans.days_back
            and coalesce(given.age_days <= spans.until_days_back, true)
    group by
        given.contact_id,
        given.rule_id,
        given.rule_group,
        given.half_life_days,
        spans.days_back

),

counted as (

    select
        between_days.contact_id,
        between_days.rule_id,
        between_days.rule_group,
        days.days_back,
        min(between_days.cap) as cap,
        sum(
            between_days.points
            / {{ decayed('days.days_back', 'between_days.half_life_days') }}
        ) as raw_points,
        cast(sum(between_days.touches) as bigint) as touches
    from between_days
    inner join days on between_days.days_back >= days.days_back
    group by
        between_days.contact_id,
        between_days.rule_id,
        between_days.rule_group,
        days.days_back

),

-- Apart from the sums: an ordered list in each of their groups costs more than they do.
evidence as (

    select
        contact_id,
        rule_id,
        0 as days_back,
        string_agg(touch_id, ',' order by age_days, touch_id) as evidence_ids
    from given
    where age_days > 0 and points not between -0.5 and 0.5
    group by contact_id, rule_id

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
