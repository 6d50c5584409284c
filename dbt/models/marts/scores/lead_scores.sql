-- A band is left upwards at once and downwards when the last days were all below it: it is the
-- highest band of as_of and the days before that count. What it was a day earlier is the same one
-- day back.
with bands as (

    {{ lead_bands() }}

),

settings as (

    {{ lead_settings() }}

),

banded as (

    select
        totals.*,
        bands.position
    from {{ ref('int_lead_totals') }} as totals
    inner join settings on totals.days_back <= settings.days_held
    inner join bands
        on
            totals.lead_score >= bands.lowest
            and coalesce(totals.lead_score < bands.below, bands.below is null)

),

held as (

    select
        banded.contact_id,
        {% for name in ['lead_score', 'demographic_points', 'behavioural_points', 'fit_points'] -%}
        max(banded.{{ name }}) filter (where banded.days_back = 0) as {{ name }},
        {% endfor -%}
        max(banded.position) filter (where banded.days_back = 0) as score_position,
        min(banded.position) filter (where banded.days_back < settings.days_held) as position,
        min(banded.position) filter (where banded.days_back > 0) as previous_position
    from banded
    cross join settings
    group by banded.contact_id

)

select
    held.contact_id,
    contacts.account_id,
    contacts.vertical,
    held.lead_score,
    held.demographic_points,
    held.behavioural_points,
    held.fit_points,
    score_bands.band as score_band,
    bands.band,
    bands.route,
    previous_bands.band as previous_band,
    case
        when held.position < held.previous_position then 'up'
        when held.position > held.previous_position then 'down'
    end as band_change,
    qualified.qualified_at
from held
inner join {{ ref('int_contacts') }} as contacts on held.contact_id = contacts.contact_id
inner join bands on held.position = bands.position
inner join bands as score_bands on held.score_position = score_bands.position
inner join bands as previous_bands on held.previous_position = previous_bands.position
left join {{ ref('int_lead_qualified') }} as qualified on held.contact_id = qualified.contact_id
left join {{ ref('int_profiling_objections') }} as objections
    on held.contact_id = objections.contact_id
where objections.contact_id is null
