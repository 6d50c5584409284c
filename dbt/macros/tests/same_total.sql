{#
  Nothing was lost or doubled on the way: an aggregate of the model equals the same of another
  relation. Catches joins that fan out.
#}
{% test same_total(model, compare_to, aggregate="count(*)", compare_aggregate=none, where="true", compare_where="true") %}
    select mine.total as model_total, other.total as other_total
    from (select {{ aggregate }} as total from {{ model }} where {{ where }}) as mine
    cross join (
        select {{ compare_aggregate or aggregate }} as total
        from {{ compare_to }} where {{ compare_where }}
    ) as other
    where mine.total is distinct from other.total
{% endtest %}
