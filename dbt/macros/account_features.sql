{# The features of organisations that pay. Portable SQL, so no dispatch. #}

{# Days without a running contract from which on a customer counts as gone and as new again. #}
{% macro contract_gap_days() %}60{% endmacro %}

{# One row per running spell of an account's contracts: deals of `contracts` (account_id, starts_on,
   ends_on and the columns of `keys`) with at most a short gap between them. #}
{% macro contract_spells(contracts, keys) -%}
    {% set partition = keys | join(', ') -%}
    select
        {{ partition }},
        spell,
        min(starts_on) as since_on,
        max(ends_on) as until_on
    from (
        select
            *,
            sum(case when starts_on <= reached_on + {{ contract_gap_days() }} then 0 else 1 end)
                over (
                    partition by {{ partition }}
                    order by starts_on, ends_on
                    rows between unbounded preceding and current row
                ) as spell
        from (
            select
                {{ partition }},
                starts_on,
                coalesce(ends_on, date '9999-12-31') as ends_on,
                max(coalesce(ends_on, date '9999-12-31')) over (
                    partition by {{ partition }}
                    order by starts_on, coalesce(ends_on, date '9999-12-31')
                    rows between unbounded preceding and 1 preceding
                ) as reached_on
            from {{ contracts }}
        ) as reached
    ) as numbered
    group by {{ partition }}, spell
{%- endmacro %}

{# What the deals that were known at each moment say: one row per account with recurring revenue. #}
{% macro contract_rows(moments) -%}
    with known as (

        select
            deals.*,
            moments.snapshot_at,
            cast({{ local_time('moments.snapshot_at', 'reporting.time_zone') }} as date)
                as snapshot_on
        from {{ ref('int_deal_states') }} as deals
        cross join {{ ref('stg_system__reporting') }} as reporting
        inner join {{ moments }} as moments
            on {{ known_then('deals', 'moments.snapshot_at') }}

    ),

    begun as (

        select * from known
        where is_won and has_recurring and starts_on <= snapshot_on

    ),

    spells as (

        {{ contract_spells('begun', ['account_id', 'snapshot_at', 'snapshot_on']) }}

    ),

    present as (

        select
            account_id,
            snapshot_at,
            since_on
        from spells
        where since_on <= snapshot_on and until_on > snapshot_on

    ),

    {% set runs = 'coalesce(ends_on > snapshot_on, true)' -%}
    summed as (

        select
            account_id,
            snapshot_at,
            max(snapshot_on) as snapshot_on,
            sum(case when {{ runs }} then mrr_base else 0 end) as mrr_base,
            sum(
                case
                    when
                        starts_on <= snapshot_on - 90
                        and coalesce(ends_on > snapshot_on - 90, true)
                        then mrr_base
                    else 0
                end
            ) as earlier_mrr_base,
            sum(case when {{ runs }} then 1 else 0 end) as contracts,
            -- A contract without an end has none that could be last.
            case
                when sum(case when {{ runs }} and ends_on is null then 1 else 0 end) = 0
                    then max(ends_on)
            end as ends_on
        from begun
        group by account_id, snapshot_at

    ),

    dealt as (

        select
            account_id,
            snapshot_at,
            sum(
                case
                    when
                        is_won
                        and closed_at < snapshot_at
                        and closed_at >= snapshot_at - interval '365' day
                        then 1
                    else 0
                end
            ) as deals_won_365d,
            sum(case when is_open then 1 else 0 end) as open_deals
        from known
        group by account_id, snapshot_at

    )

    select
        summed.account_id,
        summed.snapshot_at,
        summed.snapshot_on,
        summed.mrr_base,
        summed.mrr_base - summed.earlier_mrr_base as mrr_change_90d,
        summed.contracts,
        summed.ends_on,
        present.since_on,
        {{ months_between(month_of('present.since_on'), month_of('summed.snapshot_on')) }}
            as tenure_months,
        dealt.deals_won_365d,
        dealt.open_deals
    from summed
    inner join present
        on summed.account_id = present.account_id and summed.snapshot_at = present.snapshot_at
    inner join dealt
        on summed.account_id = dealt.account_id and summed.snapshot_at = dealt.snapshot_at
    where summed.mrr_base > 0
{%- endmacro %}

{# What was known of the accounts of a relation at its moments: one row per account and moment. An
   inner join: with a condition on times, no other can go by the account alone. #}
{% macro company_states(asked) -%}
    select
        asked.account_id,
        asked.snapshot_at,
        states.account_type,
        states.lifecycle_stage,
        states.employees,
        states.population
    from (
        select distinct
            account_id,
            snapshot_at
        from {{ asked }}
    ) as asked
    inner join {{ ref('int_company_states') }} as states
        on
            asked.account_id = states.account_id
            and {{ known_then('states', 'asked.snapshot_at') }}
{%- endmacro %}

{# One row per account that paid at a moment of `moments`. `sums` has the columns of signal_sums. #}
{% macro account_feature_rows(moments, sums) -%}
    with contracts as (

        {{ contract_rows(moments) }}

    ),

    people as (

        select
            people.contact_id,
            people.account_id,
            people.there_since_at,
            contracts.snapshot_at
        from {{ ref('int_feature_people') }} as people
        inner join contracts
            on
                people.account_id = contracts.account_id
                and people.there_since_at <= contracts.snapshot_at

    ),

    {% set lost = 'sums.uses_90d - coalesce(sums.uses_30d, 0) > 0 and coalesce(sums.uses_30d, 0) = 0' -%}
    behaviour as (

        select
            people.account_id,
            people.snapshot_at,
            count(*) as contacts,
            {% for name in [
                'uses_30d', 'uses_90d', 'uses_180d', 'uses_fast', 'uses_slow', 'tickets_30d',
                'tickets_90d', 'tickets_slow', 'touches_30d', 'touches_90d', 'mail_clicks_90d',
                'meetings_90d', 'meetings_180d', 'trainings_180d', 'advocacy_180d'
            ] -%}
            sum(sums.{{ name }}) as {{ name }},
            {% endfor -%}
            sum(sums.uses_90d - sums.uses_30d) as earlier_uses,
            sum(case when {{ lost }} then sums.uses_90d end) as lost_uses,
            sum(case when {{ lost }} then 1 else 0 end) as lost_users,
            {% for name, column in [
                ('active_users_30d', 'uses_30d'), ('active_users_90d', 'uses_90d'),
                ('engaged_contacts_90d', 'touches_90d')
            ] -%}
            sum(case when sums.{{ column }} > 0 then 1 else 0 end) as {{ name }},
            {% endfor -%}
            min(sums.days_since_use) as days_since_use,
            min(sums.days_since_touch) as days_since_touch
        from people
        left join {{ sums }} as sums
            on people.contact_id = sums.contact_id and people.snapshot_at = sums.snapshot_at
        group by people.account_id, people.snapshot_at

    ),

    answers as (

        select
            people.account_id,
            people.snapshot_at,
            records.kind,
            records.amount,
            records.occurred_at
        from {{ ref('int_feature_records') }} as records
        inner join people
            on
                records.contact_id = people.contact_id
                and records.occurred_at < people.snapshot_at
                and {{ known_then('records', 'people.snapshot_at') }}
        where records.kind in ('nps', 'csat')
        qualify row_number() over (
            partition by people.account_id, people.snapshot_at, records.kind
            order by records.occurred_at desc, records.amount
        ) = 1

    ),

    told as (

        select
            account_id,
            snapshot_at,
            max(case when kind = 'nps' then amount end) as nps_score,
            max(case when kind = 'nps' then occurred_at end) as nps_at,
            max(case when kind = 'csat' then amount end) as csat_score
        from answers
        group by account_id, snapshot_at

    ),

    states as (

        {{ company_states('contracts') }}

    ),

    timed as (

        select
            *,
            {{ add_months('since_on', '12 * ceil(tenure_months / 12e0)') }} as anniversary_on,
            -- Days in which there was something to use, of the 180 looked at.
            cast(
                greatest(7, least(180, {{ days_between('since_on', 'snapshot_on') }})) as double
            ) as usable_days
        from contracts

    )

    select
        timed.account_id,
        timed.snapshot_at,
        companies.vertical,
        states.account_type,
        states.lifecycle_stage,
        states.employees,
        states.population,
        cast(timed.mrr_base as double) as mrr_base,
        cast(timed.mrr_change_90d as double) as mrr_change_90d,
        cast(timed.contracts as bigint) as contracts,
        cast(timed.tenure_months as bigint) as tenure_months,
        cast(timed.tenure_months % 12 as bigint) as contract_month,
        cast(
            case
                when timed.anniversary_on >= timed.snapshot_on
                    then {{ days_between('timed.snapshot_on', 'timed.anniversary_on') }}
                else
                    {{ days_between('timed.snapshot_on', add_months('timed.anniversary_on', 12)) }}
            end as bigint
        ) as days_to_renewal,
        cast({{ days_between('timed.snapshot_on', 'timed.ends_on') }} as bigint)
            as days_to_contract_end,
        cast(timed.deals_won_365d as bigint) as deals_won_365d,
        cast(timed.open_deals as bigint) as open_deals,
        {% for name in ['uses_30d', 'uses_90d', 'uses_180d'] -%}
        cast(coalesce(behaviour.{{ name }}, 0) as bigint) as {{ name }},
        {% endfor -%}
        {{ ratio('3e0 * coalesce(behaviour.uses_30d, 0)', 'behaviour.uses_90d') }} as use_trend,
        {{ decayed_rate('behaviour.uses_fast', 'timed.usable_days', 30) }} as use_rate_fast,
        {{ decayed_rate('behaviour.uses_slow', 'timed.usable_days', 90) }} as use_rate_slow,
        behaviour.days_since_use,
        {% for name in [
            'active_users_30d', 'active_users_90d', 'lost_users'
        ] -%}
        cast(coalesce(behaviour.{{ name }}, 0) as bigint) as {{ name }},
        {% endfor -%}
        {{ ratio('coalesce(behaviour.lost_uses, 0) * 1e0', 'behaviour.earlier_uses') }}
            as lost_use_share,
        {% for name in ['tickets_30d', 'tickets_90d'] -%}
        cast(coalesce(behaviour.{{ name }}, 0) as bigint) as {{ name }},
        {% endfor -%}
        {{ decayed_rate('behaviour.tickets_slow', 'timed.usable_days', 90) }} as ticket_rate_slow,
        told.nps_score,
        {{ seconds_between('told.nps_at', 'timed.snapshot_at') }} / 86400e0 as nps_age_days,
        told.csat_score,
        {% for name in [
            'contacts', 'engaged_contacts_90d', 'touches_30d', 'touches_90d'
        ] -%}
        cast(coalesce(behaviour.{{ name }}, 0) as bigint) as {{ name }},
        {% endfor -%}
        behaviour.days_since_touch,
        {% for name in [
            'mail_clicks_90d', 'meetings_90d', 'meetings_180d', 'trainings_180d', 'advocacy_180d'
        ] -%}
        cast(coalesce(behaviour.{{ name }}, 0) as bigint) as {{ name }}{{ ',' if not loop.last }}
        {% endfor -%}
    from timed
    inner join {{ ref('stg_crm__companies') }} as companies
        on timed.account_id = companies.company_key
    left join states
        on timed.account_id = states.account_id and timed.snapshot_at = states.snapshot_at
    left join behaviour
        on
            timed.account_id = behaviour.account_id
            and timed.snapshot_at = behaviour.snapshot_at
    left join told
        on timed.account_id = told.account_id and timed.snapshot_at = told.snapshot_at
{%- endmacro %}

{# Events in 30 days at a rate that was measured with weights 2^(-age / half-life) over some days:
   the weighted count over the weight that there was. #}
{% macro decayed_rate(weighted, days, half_life_days) -%}
    30e0 * coalesce({{ weighted }}, 0e0)
    / ({{ half_life_days }} / ln(2e0) * (1e0 - {{ decayed(days, half_life_days) }}))
{%- endmacro %}
