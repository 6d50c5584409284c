-- What a message says of how deep it went, where its kind is one that may say so.
select
    messages.message_id,
    messages.occurred_at,
    {{ told_depth(
        json_text_by('messages.properties', 'touch_events.depth_property'),
        'touch_events.depth_scale', 'touch_types.depth'
    ) }} as depth
from {{ ref('stg_events__messages') }} as messages
inner join {{ ref('stg_marketing__touch_events') }} as touch_events
    on messages.event = touch_events.event
inner join {{ ref('stg_marketing__touch_types') }} as touch_types
    on touch_events.touch_type = touch_types.touch_type
where messages.message_type = 'track' and touch_events.depth_property is not null
