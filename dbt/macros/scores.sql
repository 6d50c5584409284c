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
    select cast({{ days_between('spread.as_of_on', 'spread.day') }} as integer) as days_back
    from (
        select
            run_context.as_of_on,
            {{ each_date(
                'run_context.as_of_on',
                'cast(run_context.as_of_on + settings.days_held as date)', 'day'
            ) }} as day
        from ({{ lead_settings() }}) as settings
        cross join {{ ref('stg_system__run_context') }} as run_context
    ) as spread
    union
    select 
        cast(
            {{ days_between('spread.as_of_on', 'spread.day') }} * spread.calibration_days as integer
        ) as days_back
    from (
        select
            run_context.as_of_on,
            settings.calibration_days,
            {{ each_date(
                'cast(run_context.as_of_on + 1 as date)',
                'cast(run_context.as_of_on + settings.calibration_snapshots as date)', 'day'
            ) }} as day
        from ({{ lead_settings() }}) as settings
        cross join {{ ref('stg_system__run_context') }} as run_context
    ) as spread
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
