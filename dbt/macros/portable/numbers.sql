{# Expressions about numbers that differ between engines. #}

{# A row for each whole number from first to last, both included. #}
{% macro each_number(first_number, last_number) %}{{ return(adapter.dispatch('each_number')(first_number, last_number)) }}{% endmacro %}
{% macro default__each_number(first_number, last_number) -%}
    unnest(generate_series({{ first_number }}, {{ last_number }}))
{%- endmacro %}
{% macro spark__each_number(first_number, last_number) -%}
    explode(sequence({{ first_number }}, {{ last_number }}))
{%- endmacro %}

{# An aggregate: the value at a share (0 to 1, constant in a query) of the sorted values, interpolated. #}
{% macro quantile_of(value, share) %}{{ return(adapter.dispatch('quantile_of')(value, share)) }}{% endmacro %}
{% macro default__quantile_of(value, share) %}quantile_cont({{ value }}, {{ share }}){% endmacro %}
{% macro spark__quantile_of(value, share) %}percentile({{ value }}, {{ share }}){% endmacro %}
