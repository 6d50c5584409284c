-- The latest restatement of each rate: units of base_currency for one unit of currency.
with fx_rates as (

    select *
    from {{ source('lake', 'fx_rates') }}
    qualify row_number() over (
        partition by base_currency, currency, rate_on
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    base_currency,
    currency,
    rate_on,
    rate,
    known_at
from fx_rates
