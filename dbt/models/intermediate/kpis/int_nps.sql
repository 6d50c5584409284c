-- One row per scope, month and window with NPS answers: the last answer of each respondent in
-- the window. Score = share of 9-10 less share of 0-6, in points, with its 95 % interval.
with answers as (

    select
        vertical,
        respondent_key,
        response_id,
        score,
        occurred_at,
        {{ month_of('answered_on') }} as month
    from {{ ref('int_survey_answers') }}
    where question_type = 'nps' and score between 0 and 10

),

scoped as (

    select
        vertical as scope,
        *
    from answers
    union all
    select
        'company' as scope,
        *
    from answers

),

last_answers as (

    select
        scoped.scope,
        windows.month,
        windows.metric_window,
        scoped.score
    from scoped
    inner join {{ ref('int_reporting_windows') }} as windows on scoped.month = windows.window_month
    qualify row_number() over (
        partition by scoped.scope, windows.month, windows.metric_window, scoped.respondent_key
        order by scoped.occurred_at desc, scoped.response_id desc
    ) = 1

),

counted as (

    select
        scope,
        month,
        metric_window,
        count(*) as answers,
        sum(case when score >= 9 then 1 else 0 end) as promoters,
        sum(case when score <= 6 then 1 else 0 end) as detractors
    from last_answers
    group by scope, month, metric_window

),

scored as (

    select
        *,
        (promoters - detractors) * 1e0 / answers as net_share,
        (promoters + detractors) * 1e0 / answers as decided_share
    from counted

)

select
    scope,
    month,
    metric_window,
    answers,
    promoters,
    detractors,
    -- Below 20 answers there is no number, only the count.
    case when answers >= 20 then 100 * net_share end as nps,
    case
        when answers >= 20
            then 100 * 1.959964 * sqrt((decided_share - net_share * net_share) / answers)
    end as margin_95
from scored
