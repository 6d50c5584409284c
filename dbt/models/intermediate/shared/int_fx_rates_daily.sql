-- One row per currency and day that can be converted to the base currency: the day's rate, or
-- the latest of the 7 days before. A day without a row has no rate, and is never taken as 1.
with fx_rates as (

    select fx_rates.*
    from {{ ref('stg_finance__fx_rates') }} as fx_rates
    inner join {{ ref('stg_system__reporting') }} as reporting
        on fx_rates.base_currency = reporting.base_currency

),

ages as (

    {% for days in range(8) -%}
    select {{ days }} as age_days
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select
    fx_rates.currency,
    fx_rates.rate_on + ages.age_days as valid_on,
    fx_rates.rate,
    fx_rates.rate_on
from fx_rates
cross join ages
qualify row_number() over (
    partition by fx_rates.currency, fx_rates.rate_on + ages.age_days
    order by ages.age_days
) = 1
