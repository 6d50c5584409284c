{#
  Tables and views in one statement. The adapter's own materializations build under another name,
  rename twice and drop, which costs more than most models do; DuckDB replaces atomically.
#}

{% materialization table, adapter='duckdb' %}
    {{ return(_replaced('table')) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(_replaced('view')) }}
{% endmaterialization %}

{% macro _replaced(type) %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set relation = this.incorporate(type=type) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and existing.type != type %}{{ adapter.drop_relation(existing) }}{% endif -%}
    {% call statement('main') -%}
        create or replace {{ type }} {{ relation }} as (
            {{ compiled_code }}
        )
    {%- endcall %}
    {% do persist_docs(relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [relation]}) }}
{% endmacro %}
