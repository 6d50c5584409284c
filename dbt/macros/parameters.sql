{# The rows of one collection of marketing/*.yml, as landed in lake.parameters. #}
{% macro parameter_rows(collection) -%}
    select key as parameter_key, position, value
    from {{ source('lake', 'parameters') }}
    where collection = '{{ collection }}'
{%- endmacro %}
