{# What attribution's models share. Portable SQL, so no dispatch. #}

{# The number of a unit that its bootstrap weights are drawn from: the same in every run. #}
{% macro unit_number(vertical, unit_id, seed) -%}
    {{ drawn_number(seed ~ " || '/' || " ~ vertical ~ " || '/' || " ~ unit_id) }}
{%- endmacro %}

{# The models, in the order of attribution.yml. #}
{% macro attribution_models() %}
    {{ return([
        'first', 'last', 'last_non_direct', 'linear', 'time_decay', 'position', 'w_shaped',
        'markov', 'shapley',
    ]) }}
{% endmacro %}

{# Rows to cross join with, so that everything counts once for its vertical and once for all. #}
{% macro vertical_and_company() -%}
    select false as is_company
    union all
    select true as is_company
{%- endmacro %}

{# Each model's credit as a column: `expression` with MODEL in place of its name. #}
{% macro credit_columns(expression) -%}
    {%- for model in attribution_models() -%}
    {{ expression | replace('MODEL', model) }} as credit_{{ model }}
    {%- if not loop.last %}, {% endif -%}
    {%- endfor -%}
{%- endmacro %}
