with settings as (

    select
        {% for name in [
            'recency_weight', 'frequency_weight', 'depth_weight', 'breadth_weight',
            'intent_weight', 'recency_half_life_days', 'frequency_half_life_days',
            'frequency_scale', 'depth_touches', 'breadth_days', 'full_channels', 'full_topics',
            'intent_half_life_days'
        ] -%}
        {{ json_number(name) }} as {{ name }},
        {% endfor -%}
        {{ json_number('full_intent_points') }} as full_intent_points
    from ({{ parameter_rows('engagement_settings') }}) as found

),

touch_types as (

    select
        parameter_key as touch_type,
        {{ json_number('frequency_weight') }} as touch_weight,
        {{ json_number('intent_points') }} as intent_points
    from ({{ parameter_rows('engagement_touches') }}) as found

),

weighed as (

    select
        touches.contact_id,
        touches.touch_id,
        touches.occurred_at,
        touches.age_days,
        touches.depth,
        case
            when touches.age_days <= settings.breadth_days then nullif(touches.channel, 'unknown')
        end as channel,
        case when touches.age_days <= settings.breadth_days then touches.topic end as topic,
        touch_types.touch_weight
        * {{ decayed('touches.age_days', 'settings.frequency_half_life_days') }} as weight,
        touch_types.intent_points
        * {{ decayed('touches.age_days', 'settings.intent_half_life_days') }} as intent_points,
        row_number() over (
            partition by touches.contact_id order by touches.occurred_at desc, touches.touch_id asc
        ) <= settings.depth_touches as is_last
    from {{ ref('int_contact_touches') }} as touches
    inner join touch_types on touches.touch_type = touch_types.touch_type
    cross join settings

),

summed as (

    select
        contact_id,
        count(*) as touches,
        max(occurred_at) as last_touch_at,
        min(age_days) as age_days,
        sum(weight) as weight,
        avg(depth) filter (where is_last) as mean_depth,
        count(distinct channel) as channels,
        count(distinct topic) as topics,
        sum(intent_points) as intent_points,
        string_agg(touch_id, ',' order by occurred_at desc, touch_id asc) filter (where is_last)
            as last_touch_ids,
        string_agg(touch_id, ',' order by occurred_at desc, touch_id asc) filter (
            where intent_points >= 1
        ) as intent_touch_ids
    from weighed
    group by contact_id

),

components as (

    select
        summed.*,
        100 * {{ decayed('summed.age_days', 'settings.recency_half_life_days') }} as recency,
        100 * (1 - exp(-summed.weight / settings.frequency_scale)) as frequency,
        100 * summed.mean_depth as depth,
        100 * (
            least(1e0, summed.channels / settings.full_channels) / 2
            + least(1e0, summed.topics / settings.full_topics) / 2
        ) as breadth,
        100 * least(1e0, summed.intent_points / settings.full_intent_points) as intent
    from summed
    cross join settings

)

select
    contacts.contact_id,
    contacts.account_id,
    contacts.vertical,
    coalesce(
        settings.recency_weight * components.recency
        + settings.frequency_weight * components.frequency
        + settings.depth_weight * components.depth
        + settings.breadth_weight * components.breadth
        + settings.intent_weight * components.intent, 0e0
    ) as engagement_score,
    coalesce(components.recency, 0e0) as recency,
    coalesce(components.frequency, 0e0) as frequency,
    coalesce(components.depth, 0e0) as depth,
    coalesce(components.breadth, 0e0) as breadth,
    coalesce(components.intent, 0e0) as intent,
    {% for name in ['recency', 'frequency', 'depth', 'breadth', 'intent'] -%}
    coalesce(settings.{{ name }}_weight * components.{{ name }}, 0e0) as {{ name }}_points,
    {% endfor -%}
    coalesce(components.touches, 0) as touches,
    components.last_touch_at,
    components.last_touch_ids,
    components.intent_touch_ids
from {{ ref('int_contacts') }} as contacts
cross join settings
left join components on contacts.contact_id = components.contact_id
