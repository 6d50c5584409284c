-- question: How much revenue does each model credit to a channel, and where do they disagree?
-- grain: one row per vertical and channel, over the last twelve whole months; base currency
-- caveat: credit is a rule's, not a proof; spend is the same under every model, never add it up
with months as (
    select distinct month from marts.kpi_monthly where is_complete
),

last_months as (
    select month from months order by month desc limit 12
),

credits as (
    select
        vertical,
        channel,
        model,
        sum(credit_base) as credit,
        sum(spend_base) as spend
    from marts.attribution_roi
    where month in (select month from last_months)
    group by vertical, channel, model
)

select
    vertical,
    channel,
    max(spend) as spend,
    sum(case when model = 'first' then credit else 0 end) as first_touch,
    sum(case when model = 'last' then credit else 0 end) as last_touch,
    sum(case when model = 'linear' then credit else 0 end) as linear,
    sum(case when model = 'time_decay' then credit else 0 end) as time_decay,
    sum(case when model = 'w_shaped' then credit else 0 end) as w_shaped,
    sum(case when model = 'markov' then credit else 0 end) as markov,
    sum(case when model = 'shapley' then credit else 0 end) as shapley,
    max(credit) - case
        when count(*) < (select count(distinct model) from credits) then 0 else min(credit)
    end as disagreement
from credits
group by vertical, channel
order by vertical, disagreement desc nulls last, channel;
