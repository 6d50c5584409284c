select
    figure,
    mart,
    origin_mart,
    count(*) filter (is_equal is not null) as compared,
    count(*) filter (not is_equal) as unequal,
    count(*) filter (is_equal is null) as not_told,
    max(abs(difference)) as largest,
    min(month) as first_month,
    max(month) as last_month,
    if(unequal = 0, 'passed', 'failed') as status
from marts.reconciliation
group by figure, mart, origin_mart
order by unequal desc, figure, mart
