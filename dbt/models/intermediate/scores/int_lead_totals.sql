-- Fields are taken as they are at the end for the days back too: only touches have a past here.
with settings as (

    {{ lead_settings() }}

),

days as (

    {{ days_back() }}

),

by_field as (

    select * from {{ ref('int_lead_field_totals') }}

),

by_touches as (

    select
        contact_id,
        days_back,
        {{ points_by_group() }}
    from {{ ref('int_lead_touch_points') }}
    group by contact_id, days_back

),

summed as (

    select
        contacts.contact_id,
        days.days_back,
        coalesce(by_field.demographic_points, 0e0)
        + coalesce(by_touches.demographic_points, 0e0) as demographic_points,
        coalesce(by_field.behavioural_points, 0e0)
        + coalesce(by_touches.behavioural_points, 0e0) as behavioural_points,
        coalesce(by_field.fit_points, 0e0) + coalesce(by_touches.fit_points, 0e0) as fit_points
    from {{ ref('int_contacts') }} as contacts
    cross join days
    left join by_field on contacts.contact_id = by_field.contact_id
    left join by_touches
        on contacts.contact_id = by_touches.contact_id and days.days_back = by_touches.days_back

),

held as (

    select
        summed.contact_id,
        summed.days_back,
        {{ capped('summed.demographic_points', 'settings.demographic_cap') }} as demographic_points,
        {{ capped('summed.behavioural_points', 'settings.behavioural_cap') }} as behavioural_points,
        {{ capped('summed.fit_points', 'settings.fit_cap') }} as fit_points
    from summed
    cross join settings

)

select
    contact_id,
    days_back,
    demographic_points,
    behavioural_points,
    fit_points,
    demographic_points + behavioural_points + fit_points as lead_score
from held
