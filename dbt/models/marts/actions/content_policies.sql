with policies as (

    select * from {{ ref('stg_models__content_policies') }}

)

select
    policy,
    weights,
    estimate,
    low,
    high,
    gain,
    gain_low,
    gain_high,
    recommendations,
    followed,
    effective_recommendations,
    case
        when recommendations = 0 then 'no_recommendation_to_judge'
        when policy = 'present' and low is not null then 'estimated'
        when gain_low > 0 then 'better'
        when gain_high < 0 then 'worse'
        when gain_low is null then 'cannot_be_told'
        else 'no_difference_seen'
    end as status
from policies
