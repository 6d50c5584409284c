-- Every model's credit of a vertical and month is the revenue of its conversions.
{{ config(severity='error') }}

with credited as (

    select
        vertical,
        month,
        model,
        case when count(*) = count(credit_base) then sum(credit_base) end as credit_base
    from {{ ref('attribution_roi') }}
    group by vertical, month, model

),

converted as (

    select
        vertical,
        {{ month_of('converted_on') }} as month,
        case when count(*) = count(revenue_base) then sum(revenue_base) end as revenue_base
    from {{ ref('int_attribution_conversions') }}
    group by vertical, {{ month_of('converted_on') }}

)

select
    credited.vertical,
    credited.month,
    credited.model,
    credited.credit_base,
    converted.revenue_base
from credited
left join converted
    on credited.vertical = converted.vertical and credited.month = converted.month
where coalesce(credited.credit_base, 0) != coalesce(converted.revenue_base, 0)
