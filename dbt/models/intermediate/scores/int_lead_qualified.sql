-- The first moment at which a contact had the points of a qualified lead: at its creation, where
-- its fields suffice, else at a touch, since points rise at touches only. Fields are taken as they
-- are at the end. Contacts whose undecayed points could not reach it are left out first.
with settings as (

    {{ lead_settings() }}

),

by_field as (

    select
        contacts.contact_id,
        contacts.created_at,
        totals.demographic_points,
        totals.behavioural_points,
        totals.fit_points
    from {{ ref('int_contacts') }} as contacts
    left join {{ ref('int_lead_field_totals') }} as totals
        on contacts.contact_id = totals.contact_id

),

signals as (

    select
        signals.contact_id,
        signals.occurred_at,
        signals.age_days,
        rules.rule_id,
        rules.rule_group,
        rules.points,
        rules.cap,
        rules.half_life_days
    from {{ ref('int_lead_signals') }} as signals
    inner join ({{ lead_touch_rules() }}) as rules on signals.touch_type = rules.touch_type

),

at_best as (

    select
        contact_id,
        {{ points_by_group() }}
    from (
        select
            contact_id,
            rule_id,
            rule_group,
            least(max(cap), sum(points)) as points
        from signals
        where points > 0
        group by contact_id, rule_id, rule_group
    ) as undecayed
    group by contact_id

),

moments as (

    select distinct
        signals.contact_id,
        signals.occurred_at,
        signals.age_days
    from signals
    inner join at_best on signals.contact_id = at_best.contact_id
    inner join by_field on signals.contact_id = by_field.contact_id
    cross join settings
    where
        signals.points > 0
        and {{ lead_total('by_field', 'at_best', 'settings') }} >= settings.qualified_from

),

rule_points as (

    select
        moments.contact_id,
        moments.occurred_at,
        signals.rule_group,
        greatest(
            -max(signals.cap),
            least(
                max(signals.cap),
                sum(
                    signals.points
                    * {{ decayed('signals.age_days - moments.age_days', 'signals.half_life_days') }}
                )
            )
        ) as points
    from moments
    inner join signals
        on
            moments.contact_id = signals.contact_id
            and moments.occurred_at >= signals.occurred_at
    group by moments.contact_id, moments.occurred_at, signals.rule_id, signals.rule_group

),

by_touches as (

    select
        contact_id,
        occurred_at,
        {{ points_by_group() }}
    from rule_points
    group by contact_id, occurred_at
    union all
    select
        contact_id,
        created_at as occurred_at,
        0e0 as demographic_points,
        0e0 as behavioural_points,
        0e0 as fit_points
    from by_field

)

select
    by_touches.contact_id,
    min(by_touches.occurred_at) as qualified_at
from by_touches
inner join by_field on by_touches.contact_id = by_field.contact_id
cross join settings
where {{ lead_total('by_field', 'by_touches', 'settings') }} >= settings.qualified_from
group by by_touches.contact_id
