-- One row per touch that paths are made of: a person's, of a listed type, of a known channel, of a
-- known unit; of touches of one person, channel and campaign close after one another the first.
with touches as (

    select
        touchpoints.touch_id,
        touchpoints.touch_type,
        touchpoints.contact_id,
        coalesce(touchpoints.vertical, 'unassigned') as vertical,
        case
            when reaches.unit_type = 'account'
                then coalesce(touchpoints.account_id, touchpoints.contact_id)
            else touchpoints.contact_id
        end as unit_id,
        touchpoints.channel,
        touchpoints.campaign,
        touchpoints.occurred_at,
        lag(touchpoints.occurred_at) over (
            partition by
                {{ number_of('touchpoints.contact_id') }},
                touchpoints.channel,
                touchpoints.campaign
            order by touchpoints.occurred_at, touchpoints.touch_id
        ) as before_at
    from {{ ref('fct_touchpoints') }} as touchpoints
    inner join ({{ parameter_rows('attribution_touch_types') }}) as touch_types
        on touchpoints.touch_type = touch_types.parameter_key
    left join {{ ref('stg_marketing__attribution_verticals') }} as reaches
        on coalesce(touchpoints.vertical, 'unassigned') = reaches.vertical
    where
        touchpoints.contact_id is not null
        and touchpoints.actor_class != 'machine'
        and touchpoints.channel != 'unknown'

),

campaign_names as (

    select * from {{ ref('int_campaign_names') }}

)

select
    touches.touch_id,
    touches.touch_type,
    touches.contact_id,
    touches.vertical,
    touches.unit_id,
    touches.channel,
    touches.campaign,
    campaign_names.campaign_id,
    touches.occurred_at
from touches
cross join {{ ref('stg_marketing__attribution_settings') }} as settings
left join campaign_names on lower(touches.campaign) = campaign_names.known_name
where
    touches.before_at is null
    or {{ seconds_between('touches.before_at', 'touches.occurred_at') }}
    >= settings.collapse_seconds
