select
    scope as vertical,
    part,
    value,
    if(part = 'score', 'points', 'ratio') as unit,
    weight,
    points_lost,
    if(is_weakest, 'the weakest part', null) as remark
from marts.attribution_confidence
order by scope = 'company' desc, scope, part = 'score' desc, position
