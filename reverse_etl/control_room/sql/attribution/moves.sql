select
    scope as vertical,
    from_channel,
    to_channel,
    models_in_favour,
    models,
    lowest_gain,
    highest_gain
from marts.attribution_moves
order by scope = 'company' desc, scope, from_channel, to_channel
