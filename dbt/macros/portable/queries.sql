{# A query that a run compiled into schema lake, to select from: a macro there, a view on Spark. #}
{% macro compiled_query(name) %}{{ return(adapter.dispatch('compiled_query')(name)) }}{% endmacro %}
{% macro default__compiled_query(name) %}{{ source('lake', name) }}(){% endmacro %}
{% macro spark__compiled_query(name) %}{{ source('lake', name) }}{% endmacro %}
