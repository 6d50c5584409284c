with findings as (

    {% for part in ['funnel', 'revenue', 'economics', 'company', 'sums', 'currency'] -%}
    select
        rule,
        scope,
        metric,
        plan_year,
        reading_a,
        cast(value_a as double) as value_a,
        reading_b,
        cast(value_b as double) as value_b,
        explanation,
        target_ids
    from {{ ref('int_plan_findings_' ~ part) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

known as (

    select * from {{ ref('stg_marketing__known_findings') }}

),

numbered as (

    select
        rule || '.' || scope || '.' || metric
        || coalesce('.y' || cast(plan_year as varchar), '')
        || case
            when count(*) over (partition by rule, scope, metric, plan_year) > 1
                then '.' || cast(
                    row_number() over (
                        partition by rule, scope, metric, plan_year
                        order by target_ids nulls last, reading_a, reading_b
                    ) as varchar
                )
            else ''
        end as finding_id,
        rule,
        scope,
        metric,
        plan_year,
        reading_a,
        value_a,
        reading_b,
        value_b,
        value_a - value_b as difference,
        value_a / nullif(value_b, 0) as factor,
        explanation,
        target_ids
    from findings

),

final as (

    select
        *,
        -- A finding of all years is named without one.
        exists(
            select 1
            from known
            where
                numbered.finding_id = known.finding
                or substr(numbered.finding_id, 1, length(known.finding) + 1) = known.finding || '.'
        ) as is_known
    from numbered

)

select * from final
