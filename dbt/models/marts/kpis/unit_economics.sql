with measures as (

    select * from {{ ref('int_measures_windowed') }}

),

pivoted as (

    select
        scope,
        month,
        metric_window,
        max(window_months) as window_months,
        max(case when measure = 'marketing_cost' then sum_value end) as marketing_cost,
        max(case when measure = 'sales_cost' then sum_value end) as sales_cost,
        max(case when measure = 'acquisition_cost' then sum_value end) as acquisition_cost,
        max(case when measure = 'deduplicated_cost' then sum_value end) as deduplicated_cost,
        max(case when measure = 'lagged_cost' then sum_value end) as lagged_cost,
        max(case when measure = 'new_customers' then sum_value end) as new_customers,
        max(case when measure = 'mrr_end' then last_value end) as mrr_end,
        max(case when measure = 'margin_mrr_end' then last_value end) as margin_mrr_end,
        max(case when measure = 'customers_end' then last_value end) as customers_end,
        max(case when measure = 'customers_start' then sum_value end) as customer_months,
        max(case when measure = 'churned_customers' then sum_value end) as churned_customers
    from measures
    group by scope, month, metric_window

),

rated as (

    select
        *,
        {{ ratio('mrr_end', 'customers_end') }} as arpa,
        {{ ratio('margin_mrr_end', 'mrr_end') }} as gross_margin,
        {{ ratio('churned_customers', 'customer_months') }} as logo_churn,
        -- Few churned customers say little: the upper bound of the 90 % interval stands in.
        case
            when churned_customers < 5
                then {{ wilson_high('churned_customers', 'customer_months', z=1.644854) }}
            else {{ ratio('churned_customers', 'customer_months') }}
        end as logo_churn_for_ltv
    from pivoted

),

valued as (

    select
        *,
        -- least() passes over NULL, so an unknown churn must be kept from it.
        case
            when logo_churn_for_ltv > 0
                then arpa * gross_margin * least(1e0 / logo_churn_for_ltv, 60)
        end as ltv,
        arpa * gross_margin / nullif(logo_churn, 0) as ltv_uncapped,
        {{ ratio('acquisition_cost', 'new_customers') }} as cac_full
    from rated

),

-- What the customers acquired so far have really paid, margin included.
observed as (

    select
        scopes.scope,
        months.month,
        sum(movements.end_mrr * coalesce(verticals.gross_margin, 1)) * 1e0
        / nullif(count(distinct movements.vertical || '/' || movements.customer_id), 0)
            as ltv_observed
    from {{ ref('mrr_movements') }} as movements
    inner join {{ ref('int_months') }} as months on movements.month <= months.month
    inner join (select distinct scope from measures) as scopes
        on scopes.scope = 'company' or movements.vertical = scopes.scope
    left join {{ ref('stg_marketing__verticals') }} as verticals
        on movements.vertical = verticals.vertical
    group by scopes.scope, months.month

)

select
    valued.scope as vertical,
    valued.month,
    valued.metric_window,
    valued.window_months,
    valued.marketing_cost,
    valued.sales_cost,
    valued.acquisition_cost,
    valued.deduplicated_cost,
    valued.lagged_cost,
    valued.new_customers,
    {{ ratio('valued.marketing_cost', 'valued.new_customers') }} as cac_marketing,
    valued.cac_full,
    {{ ratio('valued.deduplicated_cost', 'valued.new_customers') }} as cac_deduplicated,
    {{ ratio('valued.lagged_cost', 'valued.new_customers') }} as cac_lagged,
    valued.customers_end,
    valued.mrr_end,
    valued.arpa,
    valued.gross_margin,
    valued.customer_months,
    valued.churned_customers,
    valued.logo_churn,
    1 - power(1 - valued.logo_churn, 12) as logo_churn_annual,
    valued.logo_churn_for_ltv,
    valued.ltv,
    valued.ltv_uncapped,
    observed.ltv_observed,
    valued.ltv / nullif(valued.cac_full, 0) as ltv_to_cac,
    valued.cac_full / nullif(valued.arpa * valued.gross_margin, 0) as payback_months
from valued
left join observed on valued.scope = observed.scope and valued.month = observed.month
