-- question: Of the customers of a quarter, how many are left after 3, 6 and 12 months?
-- grain: one row per vertical and quarter of the first payment
-- caveat: empty where not every cohort of the quarter is that old; small cohorts say little
with cohorts as (
    select
        vertical,
        extract(year from cohort_month) as cohort_year,
        extract(quarter from cohort_month) as cohort_quarter,
        age_months,
        count(*) as cohorts,
        sum(customers) as customers,
        sum(retained_customers) as retained_customers
    from marts.cohort_retention
    where age_months in (0, 3, 6, 12)
    group by
        vertical,
        extract(year from cohort_month),
        extract(quarter from cohort_month),
        age_months
),

begun as (
    select * from cohorts where age_months = 0
)

select
    begun.vertical,
    begun.cohort_year,
    begun.cohort_quarter,
    begun.customers,
    max(case when aged.age_months = 3 then 1.0 * aged.retained_customers / aged.customers end)
        as retained_3_months,
    max(case when aged.age_months = 6 then 1.0 * aged.retained_customers / aged.customers end)
        as retained_6_months,
    max(case when aged.age_months = 12 then 1.0 * aged.retained_customers / aged.customers end)
        as retained_12_months
from begun
left join cohorts as aged
    on begun.vertical = aged.vertical
    and begun.cohort_year = aged.cohort_year
    and begun.cohort_quarter = aged.cohort_quarter
    and begun.cohorts = aged.cohorts
group by begun.vertical, begun.cohort_year, begun.cohort_quarter, begun.customers
order by begun.vertical, begun.cohort_year, begun.cohort_quarter;
