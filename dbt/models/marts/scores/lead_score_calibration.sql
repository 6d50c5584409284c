-- Scores of past days against what followed. The windows after those days meet and do not overlap,
-- so a conversion counts once, for the score that came just before it.
with settings as (

    {{ lead_settings() }}

),

bands as (

    {{ lead_bands() }}

),

goals as (

    select distinct stages.vertical
    from {{ ref('stg_marketing__funnel_stages') }} as stages
    inner join settings on stages.metric = settings.converts_at

),

moments as (

    select
        totals.contact_id,
        totals.lead_score,
        settings.calibration_days,
        {{ days_later('run_context.as_of', '-totals.days_back') }} as scored_at
    from {{ ref('int_lead_totals') }} as totals
    cross join {{ ref('stg_system__run_context') }} as run_context
    inner join settings
        on
            totals.days_back > 0
            and totals.days_back <= settings.calibration_days * settings.calibration_snapshots
            and mod(totals.days_back, settings.calibration_days) = 0
    left join {{ ref('int_profiling_objections') }} as objections
        on totals.contact_id = objections.contact_id
    where objections.contact_id is null

),

scored as (

    select
        contacts.vertical,
        moments.lead_score,
        cast(moments.scored_at as date) as scored_on,
        moments.calibration_days,
        coalesce(
            conversions.converted_at
            < {{ days_later('moments.scored_at', 'moments.calibration_days') }}, false
        ) as is_converted,
        cast(floor(
            10e0 * (rank() over by_score - 1) / count(*) over (partition by contacts.vertical)
        ) as integer) + 1 as decile
    from moments
    inner join {{ ref('int_contacts') }} as contacts
        on moments.contact_id = contacts.contact_id and moments.scored_at > contacts.created_at
    inner join goals on contacts.vertical = goals.vertical
    left join {{ ref('int_lead_conversions') }} as conversions
        on
            contacts.contact_id = conversions.contact_id
            and contacts.vertical = conversions.vertical
    where coalesce(conversions.converted_at >= moments.scored_at, true)
    window by_score as (partition by contacts.vertical order by moments.lead_score)

),

grouped as (

    select
        *,
        'decile' as group_kind,
        cast(decile as varchar) as group_name,
        decile as position
    from scored
    union all
    select
        scored.*,
        'band' as group_kind,
        bands.band as group_name,
        -bands.position as position
    from scored
    inner join bands
        on
            scored.lead_score >= bands.lowest
            and coalesce(scored.lead_score < bands.below, bands.below is null)

),

counted as (

    select
        vertical,
        group_kind,
        group_name,
        position,
        min(scored_on) as first_scored_on,
        max(scored_on) as last_scored_on,
        max(calibration_days) as window_days,
        min(lead_score) as lowest_score,
        max(lead_score) as highest_score,
        count(*) as contacts,
        count(*) filter (where is_converted) as converted,
        {{ ratio('count(*) filter (where is_converted)', 'count(*)') }} as conversion_rate
    from grouped
    group by vertical, group_kind, group_name, position

)

select
    vertical,
    group_kind,
    group_name,
    row_number() over from_lowest as position,
    first_scored_on,
    last_scored_on,
    window_days,
    lowest_score,
    highest_score,
    contacts,
    converted,
    conversion_rate,
    {{ wilson_low('converted', 'contacts') }} as conversion_rate_low,
    {{ wilson_high('converted', 'contacts') }} as conversion_rate_high,
    conversion_rate >= lag(conversion_rate) over from_lowest as is_in_order
from counted
window from_lowest as (partition by vertical, group_kind order by position)
