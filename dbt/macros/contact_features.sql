{# The features of contacts. Portable SQL, so no dispatch. #}

{# One row per contact of `people` and moment of `moments` at which it was there. `sums` has the
   columns of signal_sums, `accounts` those of account_feature_rows. #}
{% macro contact_feature_rows(people, moments, sums, accounts) -%}
    with moments as (

        select * from {{ moments }}

    ),

    people as (

        select
            people.contact_id,
            people.account_id,
            people.vertical,
            people.there_since_at,
            moments.snapshot_at
        from {{ people }} as people
        inner join moments on people.there_since_at <= moments.snapshot_at

    ),

    contact_states as (

        select
            people.contact_id,
            people.snapshot_at,
            states.role,
            states.lifecycle_stage,
            states.lead_source,
            states.language
        from people
        inner join {{ ref('int_contact_states') }} as states
            on
                people.contact_id = states.contact_id
                and {{ known_then('states', 'people.snapshot_at') }}

    ),

    company_states as (

        {{ company_states('people') }}

    ),

    orders as (

        select
            orders.contact_id,
            moments.snapshot_at,
            count(*) as orders,
            case
                when count(orders.revenue) = count(orders.revenue_base)
                    then sum(orders.revenue_base)
            end as order_revenue_base,
            max(orders.ordered_at) as last_order_at
        from {{ ref('fct_orders') }} as orders
        inner join moments
            on
                orders.ordered_at < moments.snapshot_at
                and orders.known_at <= moments.snapshot_at
        where orders.contact_id is not null
        group by orders.contact_id, moments.snapshot_at

    ),

    scales as (

        select
            {{ json_number('recency_half_life_days') }} as recency_half_life_days,
            {{ json_number('frequency_scale') }} as frequency_scale,
            {{ json_number('full_intent_points') }} as full_intent_points
        from ({{ parameter_rows('engagement_settings') }}) as found

    )

    select
        people.contact_id,
        people.snapshot_at,
        people.account_id,
        people.vertical,
        contact_states.role,
        contact_states.lifecycle_stage,
        contact_states.lead_source,
        contact_states.language,
        company_states.account_type,
        company_states.employees,
        company_states.population,
        accounts.mrr_base as account_mrr_base,
        {{ seconds_between('people.there_since_at', 'people.snapshot_at') }} / 86400e0 as age_days,
        {% for name in [
            'touches_7d', 'touches_30d', 'touches_90d', 'touches_180d', 'touch_kinds_90d'
        ] -%}
        {{ signal_count(name) }},
        {% endfor -%}
        sums.days_since_touch,
        {% for name in [
            'pages_7d', 'pages_30d', 'pages_90d', 'mails_7d', 'mails_30d', 'mails_90d',
            'mail_opens_90d', 'mail_clicks_7d', 'mail_clicks_30d', 'mail_clicks_90d',
            'mail_clicks_180d'
        ] -%}
        {{ signal_count(name) }},
        {% endfor -%}
        {{ ratio('coalesce(sums.mail_clicks_180d, 0)', 'sums.mails_180d') }}
            as mail_click_rate_180d,
        sums.days_since_mail,
        sums.days_since_mail_click,
        {% for name in [
            'mail_stops_180d', 'replies_90d', 'content_30d', 'content_90d', 'forms_90d',
            'pricing_30d', 'pricing_90d', 'calculators_90d', 'demos_90d', 'trials_90d',
            'programmes_90d', 'meetings_90d', 'uses_30d', 'uses_90d'
        ] -%}
        {{ signal_count(name) }},
        {% endfor -%}
        case
            when sums.days_since_touch is null then 0e0
            else
                100e0 * {{ decayed('sums.days_since_touch', 'scales.recency_half_life_days') }}
        end as engagement_recency,
        100e0 * (1e0 - exp(-coalesce(sums.touch_weight, 0e0) / scales.frequency_scale))
            as engagement_frequency,
        100e0
        * least(1e0, coalesce(sums.intent_points, 0e0) / scales.full_intent_points)
            as engagement_intent,
        coalesce(orders.orders, 0) as orders,
        cast(orders.order_revenue_base as double) as order_revenue_base,
        {{ seconds_between('orders.last_order_at', 'people.snapshot_at') }} / 86400e0
            as days_since_order
    from people
    left join scales on true
    left join {{ sums }} as sums
        on people.contact_id = sums.contact_id and people.snapshot_at = sums.snapshot_at
    left join {{ accounts }} as accounts
        on people.account_id = accounts.account_id and people.snapshot_at = accounts.snapshot_at
    left join contact_states
        on
            people.contact_id = contact_states.contact_id
            and people.snapshot_at = contact_states.snapshot_at
    left join company_states
        on
            people.account_id = company_states.account_id
            and people.snapshot_at = company_states.snapshot_at
    left join orders
        on people.contact_id = orders.contact_id and people.snapshot_at = orders.snapshot_at
{%- endmacro %}

{# A sum of signals as a whole number, 0 where there are none. #}
{% macro signal_count(name) %}cast(coalesce(sums.{{ name }}, 0) as bigint) as {{ name }}{% endmacro %}
