{{ config(materialized='view') }}

-- One row per vertical, month and measure of recurring revenue and customers.
with movements as (

    select
        movements.*,
        coalesce(verticals.gross_margin, 1) as gross_margin
    from {{ ref('mrr_movements') }} as movements
    left join {{ ref('stg_marketing__verticals') }} as verticals
        on movements.vertical = verticals.vertical

)

{% set measures = {
    'mrr_start': 'start_mrr',
    'mrr_end': 'end_mrr',
    'arr_end': 'end_mrr * 12',
    'margin_mrr_end': 'end_mrr * gross_margin',
    'new_mrr': 'new_mrr',
    'reactivation_mrr': 'reactivation_mrr',
    'expansion_mrr': 'expansion_mrr',
    'contraction_mrr': 'contraction_mrr',
    'churn_mrr': 'churn_mrr',
    'lost_mrr': 'churn_mrr + contraction_mrr',
    'customers_start': 'case when start_mrr > 0 then 1 else 0 end',
    'customers_end': 'case when end_mrr > 0 then 1 else 0 end',
    'churned_customers': 'case when churn_mrr > 0 then 1 else 0 end',
} -%}
{% for measure, expression in measures.items() -%}
select
    vertical,
    month,
    '{{ measure }}' as measure,
    cast(sum({{ expression }}) as double) as value,
    sum(unconverted_contracts) as unknown
from movements
group by vertical, month
{% if not loop.last %}union all{% endif %}
{% endfor %}
