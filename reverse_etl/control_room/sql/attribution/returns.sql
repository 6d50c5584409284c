with last_year as (
    select returns.*, models.position
    from marts.attribution_roi as returns
    inner join marts.attribution_models as models on returns.model = models.model
    where returns.month <= (select max(month) from marts.kpi_monthly)
        and returns.month > (select max(month) from marts.kpi_monthly) - interval 12 months
),

summed as (
    select
        coalesce(vertical, 'company') as vertical,
        channel,
        model,
        position,
        sum(conversions) as conversions,
        if(count(*) = count(credit_base), sum(credit_base), null) as credit_base,
        if(count(*) = count(spend_base), sum(spend_base), null) as spend_base
    from last_year
    group by grouping sets ((vertical, channel, model, position), (channel, model, position))
)

select
    vertical,
    channel,
    model,
    conversions,
    credit_base,
    spend_base,
    credit_base / spend_base as roas,
    credit_base / spend_base - 1 as roi
from summed
where spend_base > 0
    and channel in (select channel from last_year where credit_base > 0)
order by
    vertical = 'company' desc,
    vertical,
    max(credit_base / spend_base) over (partition by vertical, channel) desc,
    channel,
    position
