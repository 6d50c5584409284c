{# Expressions about numbers that differ between engines. #}

{# A row for each whole number from first to last, both included. #}
{% macro each_number(first_number, last_number) %}{{ return(adapter.dispatch('each_number')(first_number, last_number)) }}{% endmacro %}
{% macro default__each_number(first_number, last_number) -%}
    unnest(generate_series({{ first_number }}, {{ last_number }}))
{%- endmacro %}
{% macro spark__each_number(first_number, last_number) -%}
    explode(sequence({{ first_number }}, {{ last_number }}))
{%- endmacro %}
