{# What several scores share. Portable SQL, so no dispatch. #}

{# What is left of 1 after some days, by a half-life in days. #}
{% macro decayed(age_days, half_life_days) -%}
    power(2e0, -({{ age_days }}) / cast({{ half_life_days }} as double))
{%- endmacro %}

{# A number of a parameter's JSON value. #}
{% macro json_number(field) %}cast({{ json_text('value', field) }} as double){% endmacro %}

{# Days before as_of whose lead scores are needed, as `days_back`: as_of and the days by which a band
   is held, and the days whose scores calibration holds against what followed. #}
{% macro days_back() -%}
    {% for first, last, step_days in [
        (0, 'settings.days_held', 1),
        (1, 'settings.calibration_snapshots', 'settings.calibration_days')
    ] -%}
    select
        cast(
            {{ days_between('spread.as_of_on', 'spread.day') }} * spread.step_days as integer
        ) as days_back
    from (
        select
            run_context.as_of_on,
            {{ step_days }} as step_days,
            {{ each_date(
                'cast(run_context.as_of_on + ' ~ first ~ ' as date)',
                'cast(run_context.as_of_on + ' ~ last ~ ' as date)', 'day'
            ) }} as day
        from ({{ lead_settings() }}) as settings
        cross join {{ ref('stg_system__run_context') }} as run_context
    ) as spread
    {{ 'union' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{# The lead rules that count touches: one row per rule and touch type. #}
{% macro lead_touch_rules() -%}
    select
        {{ json_text('value', 'rule') }} as rule_id,
        {{ json_text('value', 'group') }} as rule_group,
        {{ json_text('value', 'touch') }} as touch_type,
        {{ json_number('points') }} as points,
        {{ json_number('cap') }} as cap,
        {{ json_number('half_life_days') }} as half_life_days
    from ({{ parameter_rows('lead_touch_rules') }}) as found
{%- endmacro %}

{# The bands of the lead score, from the highest down: one row each. #}
{% macro lead_bands() -%}
    select
        parameter_key as band,
        position,
        {{ json_number('lowest') }} as lowest,
        {{ json_number('below') }} as below,
        {{ json_text('value', 'route') }} as route
    from ({{ parameter_rows('lead_bands') }}) as found
{%- endmacro %}

{# The caps of the groups and the other settings of lead scores: one row. #}
{% macro lead_settings() -%}
    select
        {{ json_number('demographic_cap') }} as demographic_cap,
        {{ json_number('behavioural_cap') }} as behavioural_cap,
        {{ json_number('fit_cap') }} as fit_cap,
        {{ json_number('qualified_from') }} as qualified_from,
        cast({{ json_text('value', 'days_held') }} as integer) as days_held,
        cast({{ json_text('value', 'calibration_days') }} as integer) as calibration_days,
        cast({{ json_text('value', 'calibration_snapshots') }} as integer)
            as calibration_snapshots,
        {{ json_text('value', 'calibration_converts_at') }} as converts_at
    from ({{ parameter_rows('lead_settings') }}) as found
{%- endmacro %}

{# Sums of `points` by `rule_group`, as columns. #}
{% macro points_by_group() -%}
    {% for name in ['demographic', 'behavioural', 'fit'] -%}
    coalesce(sum(points) filter (where rule_group = '{{ name }}'), 0e0) as {{ name }}_points
    {{- ', ' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# A group's points between 0 and its cap. #}
{% macro capped(points, cap) %}greatest(0e0, least({{ cap }}, {{ points }})){% endmacro %}

{# The three groups of two relations with ..._points added, capped and summed. #}
{% macro lead_total(first, second, settings) -%}
    {% for name in ['demographic', 'behavioural', 'fit'] -%}
    {{ capped(
        'coalesce(' ~ first ~ '.' ~ name ~ '_points, 0e0) + coalesce('
        ~ second ~ '.' ~ name ~ '_points, 0e0)', settings ~ '.' ~ name ~ '_cap'
    ) }}{{ ' + ' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# The five components of the engagement score, in their order. #}
{% macro engagement_parts() %}{{ return(['recency', 'frequency', 'depth', 'breadth', 'intent']) }}{% endmacro %}

{# One row per contact with touches: components (0 to 100), what each adds, and the score. `touches`
   has the columns of int_contact_touches; their age_days say which moment is meant. #}
{% macro engagement_components(touches, with_evidence=false) -%}
    with settings as (

        select
            {% for name in engagement_parts() -%}
            {{ json_number(name ~ '_weight') }} as {{ name }}_weight,
            {% endfor -%}
            {% for name in [
                'recency_half_life_days', 'frequency_half_life_days', 'frequency_scale',
                'depth_touches', 'breadth_days', 'full_channels', 'full_topics',
                'intent_half_life_days', 'full_intent_points'
            ] -%}
            {{ json_number(name) }} as {{ name }}{{ ',' if not loop.last }}
            {% endfor -%}
        from ({{ parameter_rows('engagement_settings') }}) as found

    ),

    touch_types as (

        select
            parameter_key as touch_type,
            {{ json_number('frequency_weight') }} as touch_weight,
            {{ json_number('intent_points') }} as intent_points
        from ({{ parameter_rows('engagement_touches') }}) as found

    ),

    weighed as (

        select
            touches.contact_id,
            touches.touch_id,
            touches.occurred_at,
            touches.age_days,
            touches.depth,
            case
                when touches.age_days <= settings.breadth_days then nullif(touches.channel, 'unknown')
            end as channel,
            case when touches.age_days <= settings.breadth_days then touches.topic end as topic,
            touch_types.touch_weight
            * {{ decayed('touches.age_days', 'settings.frequency_half_life_days') }} as weight,
            touch_types.intent_points
            * {{ decayed('touches.age_days', 'settings.intent_half_life_days') }} as intent_points,
            row_number() over (
                partition by touches.contact_id
                order by touches.occurred_at desc, touches.touch_id asc
            ) as place,
            settings.depth_touches
        from {{ touches }} as touches
        inner join touch_types on touches.touch_type = touch_types.touch_type
        cross join settings

    ),

    summed as (

        select
            contact_id,
            count(*) as touches,
            max(occurred_at) as last_touch_at,
            min(age_days) as age_days,
            sum(weight) as weight,
            avg(depth) filter (where place <= depth_touches) as mean_depth,
            count(distinct channel) as channels,
            count(distinct topic) as topics,
            {% if with_evidence -%}
            string_agg(touch_id, ',' order by place) filter (where place <= depth_touches)
                as last_touch_ids,
            string_agg(touch_id, ',' order by place) filter (
                where intent_points >= 1
            ) as intent_touch_ids,
            {% endif -%}
            sum(intent_points) as intent_points
        from weighed
        group by contact_id

    ),

    components as (

        select
            summed.*,
            100 * {{ decayed('summed.age_days', 'settings.recency_half_life_days') }} as recency,
            100 * (1 - exp(-summed.weight / settings.frequency_scale)) as frequency,
            100 * summed.mean_depth as depth,
            100 * (
                least(1e0, summed.channels / settings.full_channels) / 2
                + least(1e0, summed.topics / settings.full_topics) / 2
            ) as breadth,
            100 * least(1e0, summed.intent_points / settings.full_intent_points) as intent
        from summed
        cross join settings

    )

    select
        components.*,
        {% for name in engagement_parts() -%}
        settings.{{ name }}_weight * components.{{ name }} as {{ name }}_points,
        {% endfor -%}
        {% for name in engagement_parts() -%}
        settings.{{ name }}_weight * components.{{ name }}{{ ' + ' if not loop.last }}
        {%- endfor %} as engagement_score
    from components
    cross join settings
{%- endmacro %}

{# Clicks a mail of a relation's sends and clicks, which may be missing, smoothed toward a rate as by
   so many mails of that rate. #}
{% macro smoothed(relation, rate, mails) -%}
    (coalesce({{ relation }}.clicks, 0) + {{ mails }} * {{ rate }})
    / (coalesce({{ relation }}.sends, 0) + {{ mails }})
{%- endmacro %}
