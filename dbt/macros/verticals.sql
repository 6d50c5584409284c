{# The verticals as the scopes of figures. Portable SQL, so no dispatch. #}

{# One row per scope and vertical in it: each vertical alone, and all of them as 'company'. #}
{% macro vertical_scopes() -%}
    select
        vertical as scope,
        vertical
    from {{ ref('stg_marketing__verticals') }}
    union all
    select
        'company' as scope,
        vertical
    from {{ ref('stg_marketing__verticals') }}
{%- endmacro %}

{# The vertical where there is but one, and so nothing to tell apart; else no row. #}
{% macro only_vertical() -%}
    select min(vertical) as vertical
    from {{ ref('stg_marketing__verticals') }}
    having count(*) = 1
{%- endmacro %}
