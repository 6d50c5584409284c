with campaigns as (

    select * from {{ ref('campaigns') }}

),

results as (

    select * from {{ ref('int_campaign_results') }}

),

evidence as (

    select * from {{ ref('int_campaign_evidence') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

effects as (

    select * from evidence
    where is_best_of_effect

),

-- Only differences that are decided are worth a sentence.
learnings as (

    select
        campaign,
        string_agg(
            experiment_name || ': ' || variant || ' is ' || decision || ' than ' || control
            || ' by ' || cast(round(100 * abs(effect), 1) as varchar) || ' points',
            '; ' order by experiment, variant
        ) as learnings
    from evidence
    where decision in ('better', 'worse')
    group by campaign

),

measured as (

    select
        campaigns.*,
        results.assigned,
        results.held_out,
        results.written_to,
        results.converted,
        results.revenue_base,
        {{ ratio('results.converted', 'results.written_to') }} as conversion_rate,
        case campaigns.objective_metric
            when 'contacts' then results.converted
            when 'contact_share' then {{ ratio('results.converted', 'results.written_to') }}
            else cast(coalesce(results.revenue_base, 0) as double)
        end as result,
        run_context.as_of_on > campaigns.objective_deadline_on as is_over,
        -- A share falls while windows are open, so that it is final only later.
        campaigns.objective_metric != 'contact_share'
        or results.open_windows = 0
        or run_context.as_of_on > campaigns.objective_deadline_on as is_final,
        {{ local_time('campaigns.first_in_force_at', 'run_context.time_zone') }} as begun_local,
        cast({{ days_later(
            'cast(campaigns.objective_deadline_on as timestamp)', 1
        ) }} as timestamp) as over_local,
        run_context.as_of_local
    from campaigns
    inner join results on campaigns.campaign = results.campaign
    cross join run_context

),

judged as (

    select
        *,
        {{ ratio('result', 'objective_target') }} as progress,
        case
            when result >= objective_target and is_final then 'reached'
            when is_over then 'failed'
            when assigned = 0 then 'planned'
            else 'running'
        end as verdict,
        case
            when over_local <= begun_local then 1
            else least(1, {{ ratio(
                seconds_between('begun_local', 'as_of_local'),
                seconds_between('begun_local', 'over_local')
            ) }})
        end as time_passed
    from measured

)

select
    judged.campaign,
    judged.campaign_name,
    judged.vertical,
    judged.campaign_kind,
    judged.status as campaign_status,
    judged.verdict as status,
    judged.objective_metric,
    judged.objective_kind,
    judged.objective_name,
    judged.objective_target,
    judged.objective_deadline_on,
    judged.result,
    judged.progress,
    judged.time_passed,
    judged.launches,
    judged.assigned,
    judged.held_out,
    judged.written_to,
    judged.converted,
    judged.conversion_rate,
    reporting.base_currency as currency,
    cast(judged.revenue_base as decimal(18, 4)) as followed_revenue_base,
    judged.cost_base,
    {{ ratio('judged.revenue_base - judged.cost_base', 'judged.cost_base') }} as followed_roi,
    effects.experiment,
    effects.effect,
    effects.effect_low,
    effects.effect_high,
    effects.p_adjusted,
    coalesce(effects.decision, 'no_control') as effect_decision,
    effects.incremental_conversions,
    effects.incremental_revenue,
    {{ ratio('effects.incremental_revenue - judged.cost_base', 'judged.cost_base') }}
        as incremental_roi,
    learnings.learnings,
    {{ campaign_next_step() }} as next_step
from judged
cross join reporting
left join effects on judged.campaign = effects.campaign
left join learnings on judged.campaign = learnings.campaign
