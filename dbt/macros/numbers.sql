{# Arithmetic used by several models. Portable SQL, so no dispatch. #}

{# NULL where the divisor is 0 or NULL: an undefined ratio is never 0. #}
{% macro ratio(numerator, denominator) %}(({{ numerator }}) * 1e0 / nullif({{ denominator }}, 0)){% endmacro %}

{# An amount in the base currency, exact to 4 decimals: NULL where the rate is missing. #}
{% macro to_base(amount, currency, base_currency, rate) -%}
    cast(
        case
            when {{ currency }} = {{ base_currency }} then {{ amount }}
            else cast(cast({{ amount }} as decimal(20, 4)) * {{ rate }} as decimal(18, 4))
        end as decimal(18, 4)
    )
{%- endmacro %}

{#
  Wilson score interval of k successes in n trials (E. B. Wilson, 1927). 12 of 80 at z = 1.96
  gives 8.8 % to 24.4 %. NULL where n is 0.
#}
{% macro wilson_low(k, n, z=1.959964) %}{{ _wilson(k, n, z, '-') }}{% endmacro %}
{% macro wilson_high(k, n, z=1.959964) %}{{ _wilson(k, n, z, '+') }}{% endmacro %}
{% macro _wilson(k, n, z, sign) -%}
    (
        (
            {{ ratio(k, n) }} + {{ z * z / 2 }} / nullif({{ n }}, 0)
            {{ sign }} {{ z }} * sqrt(
                (
                    {{ ratio(k, n) }} * (1e0 - {{ ratio(k, n) }})
                    + {{ z * z / 4 }} / nullif({{ n }}, 0)
                ) / nullif({{ n }}, 0)
            )
        ) / (1e0 + {{ z * z }} / nullif({{ n }}, 0))
    )
{%- endmacro %}

{# Number of the plan year a month belongs to (1 is the first), by the plan's start month. #}
{% macro plan_year_of(month, plan_start) -%}
    cast(floor({{ months_between(plan_start, month) }} / 12e0) as integer) + 1
{%- endmacro %}
{% macro plan_month_of(month, plan_start) -%}
    cast(
        {{ months_between(plan_start, month) }}
        - 12 * floor({{ months_between(plan_start, month) }} / 12e0) as integer
    ) + 1
{%- endmacro %}

{# Whether two amounts are one: less than half a cent apart. NULL stays unknown. #}
{% macro same_amount(first_value, second_value) %}(abs({{ first_value }} - {{ second_value }}) < 0.005){% endmacro %}

{# A number from 0 to 1 that only the text decides, spread evenly. #}
{% macro even_share_of(text) %}({{ drawn_number(text) }} / 18446744073709551616e0 + 0.5e0){% endmacro %}

{# A text as a number: NULL for what is none, or none between -1e15 and 1e15. #}
{% macro number_from_text(text) -%}
    case
        when
            {{ matches(text, "'^ *[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)? *$'") }}
            and try_cast({{ text }} as double) between -1e15 and 1e15
            then try_cast({{ text }} as double)
    end
{%- endmacro %}

{#
  One row per month and reporting window with values: the 95th percentile of a relation's column by
  rank, which is the smallest value with at least 95 % of the values at its place or before.
  `month` is the column with the month that a value belongs to.
#}
{% macro p95_by_window(relation, month, value) -%}
    select
        month,
        metric_window,
        all_values,
        min(place) as values_within,
        min(value) as p95
    from (
        select
            windows.month,
            windows.metric_window,
            found.{{ value }} as value,
            row_number() over (
                partition by windows.month, windows.metric_window order by found.{{ value }}
            ) as place,
            count(*) over (partition by windows.month, windows.metric_window) as all_values
        from {{ relation }} as found
        inner join {{ ref('int_reporting_windows') }} as windows
            on found.{{ month }} = windows.window_month
    ) as ranked
    where place * 100 >= all_values * 95
    group by month, metric_window, all_values
{%- endmacro %}

{# Rows of int_kpi_values: a metric's value and the two numbers it is made of, without an interval. #}
{% macro metric_rows(metric, relation, value, numerator, denominator, scope='scope') -%}
select
    {{ scope }} as scope,
    month,
    metric_window,
    '{{ metric }}' as metric,
    {{ value }} as value,
    {{ numerator }} as numerator,
    {{ denominator }} as denominator,
    null as value_low,
    null as value_high
from {{ relation }}
{%- endmacro %}
