select
    parameter_key as channel_rule,
    position,
    {{ json_text('value', 'channel') }} as channel,
    {{ json_text('value', 'campaign_of') }} as campaign_of,
    {{ json_text('value', 'click_id') }} as click_id,
    {{ json_text('value', 'source') }} as source_pattern,
    {{ json_text('value', 'source_in') }} as source_in,
    {{ json_text('value', 'medium') }} as medium_pattern,
    {{ json_text('value', 'campaign') }} as campaign_pattern,
    {{ json_text('value', 'referrer_in') }} as referrer_in,
    {{ json_text('value', 'touch') }} as touch,
    coalesce({{ json_text('value', 'any_referrer') }} = 'true', false) as asks_any_referrer,
    coalesce({{ json_text('value', 'nothing') }} = 'true', false) as asks_nothing
from ({{ parameter_rows('channel_rules') }}) as parameter_values
