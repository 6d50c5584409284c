{# Graphs in SQL. #}

{#
  The connected components of an undirected graph: a WITH RECURSIVE that ends in the relation
  `components` (node, label), where the label is the smallest node of the component. `edges` is an
  earlier CTE or relation with the columns `node` and `neighbour`, each edge in both directions.
#}
{% macro connected_components(edges) %}{{ return(adapter.dispatch('connected_components')(edges)) }}{% endmacro %}
{% macro default__connected_components(edges) -%}
    components(node, label) using key (node) as (
        select node, min(least(node, neighbour)) as label
        from {{ edges }}
        group by node
        union
        select reached.node, reached.label
        from (
            select edges.node, min(changed.label) as label
            from components as changed
            inner join {{ edges }} as edges on changed.node = edges.neighbour
            group by edges.node
        ) as reached
        inner join recurring.components as known on reached.node = known.node
        where reached.label < known.label
    )
{%- endmacro %}
{% macro spark__connected_components(edges) -%}
    reach(node, label) as (
        select node, node as label from {{ edges }}
        union
        select edges.node, reach.label
        from reach
        inner join {{ edges }} as edges on reach.node = edges.neighbour
    ),

    components as (
        select node, min(label) as label from reach group by node
    )
{%- endmacro %}
