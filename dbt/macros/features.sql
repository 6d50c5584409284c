{# What the models of features share. Portable SQL, so no dispatch. #}

{# How far back models learn, from how many contacts at a moment: one row. #}
{% macro feature_settings() -%}
    select
        cast({{ json_text('value', 'months') }} as integer) as months,
        cast({{ json_text('value', 'training_contacts') }} as bigint) as training_contacts
    from ({{ parameter_rows('feature_settings') }}) as found
{%- endmacro %}

{# Families of signals -> days of the windows in which they are counted. #}
{% macro signal_windows() -%}
    {{ return({
        'pages': [7, 30, 90], 'mails': [7, 30, 90, 180], 'mail_opens': [90],
        'mail_clicks': [7, 30, 90, 180], 'mail_stops': [180], 'replies': [90],
        'content': [30, 90], 'forms': [90], 'pricing': [30, 90], 'calculators': [90],
        'demos': [90], 'trials': [90], 'programmes': [90], 'meetings': [90, 180],
        'advocacy': [180], 'uses': [30, 90, 180], 'tickets': [30, 90], 'trainings': [180]
    }) }}
{%- endmacro %}

{# The family of a touch type; NULL of a type that is in none. #}
{% macro signal_family(touch_type) -%}
    case
        {% for family, types in {
            'pages': ['content_view'],
            'mail_opens': ['email_open'],
            'mail_clicks': ['email_click'],
            'replies': ['sales_reply', 'sms_reply'],
            'content': ['content_download', 'case_study_view', 'video_view'],
            'forms': ['form_submit'],
            'pricing': ['pricing_view', 'security_document', 'tender_download'],
            'calculators': ['roi_calculator'],
            'demos': ['demo_request', 'demo_booked'],
            'trials': ['trial_start'],
            'programmes': ['webinar_register', 'webinar_attend', 'event_attend'],
            'meetings': ['meeting'],
            'advocacy': ['advocacy'],
            'messages': ['sms_click', 'push_open', 'push_click']
        }.items() -%}
        when {{ touch_type }} in ('{{ types | join("', '") }}') then '{{ family }}'
        {% endfor -%}
    end
{%- endmacro %}

{# Whether what has known_at and superseded_at was in force at a moment. #}
{% macro known_then(facts, moment) -%}
    {{ facts }}.known_at <= {{ moment }}
    and coalesce({{ facts }}.superseded_at > {{ moment }}, {{ facts }}.superseded_at is null)
{%- endmacro %}

{# When the next version of a record was known; NULL of the last. #}
{% macro superseded_at(keys) -%}
    lead(known_at) over (
        partition by {{ keys | join(', ') }} order by known_at, landing_file, landing_line
    ) as superseded_at
{%- endmacro %}

{# One row per contact of `people` and moment of `moments` with signals in the 180 days before: sums
   of int_feature_signals, first by family, since so many filters over every signal cost more. #}
{% macro signal_sums(moments, people) -%}
    with settings as (

        select
            {{ json_number('frequency_half_life_days') }} as frequency_half_life_days,
            {{ json_number('intent_half_life_days') }} as intent_half_life_days
        from ({{ parameter_rows('engagement_settings') }}) as found

    ),

    -- As a condition and not a join, so that it comes before the join by times, which multiplies.
    of_people as (

        select signals.* from {{ ref('int_feature_signals') }} as signals
        where signals.contact_id in (select people.contact_id from {{ people }} as people)

    ),

    signals as (

        select
            signals.contact_id,
            moments.snapshot_at,
            signals.family,
            signals.touch_weight,
            signals.intent_points,
            signals.amount,
            {{ seconds_between('signals.occurred_at', 'moments.snapshot_at') }} / 86400e0
                as age_days
        from of_people as signals
        inner join {{ moments }} as moments
            on
                signals.occurred_at < moments.snapshot_at
                and signals.occurred_at >= moments.window_start_at
                and {{ known_then('signals', 'moments.snapshot_at') }}

    ),

    by_family as (

        select
            signals.contact_id,
            signals.snapshot_at,
            signals.family,
            {% for days in [7, 30, 90] -%}
            sum(case when signals.age_days <= {{ days }} then signals.amount else 0e0 end)
                as sum_{{ days }}d,
            {% endfor -%}
            sum(signals.amount) as sum_180d,
            min(signals.age_days) as age_days,
            {% for name, days in [('fast', 30), ('slow', 90)] -%}
            sum(
                case
                    when signals.family in ('uses', 'tickets')
                        then signals.amount * {{ decayed('signals.age_days', days) }}
                end
            ) as {{ name }},
            {% endfor -%}
            sum(
                case
                    when signals.touch_weight > 0
                        then
                            signals.touch_weight
                            * {{ decayed('signals.age_days', 'settings.frequency_half_life_days') }}
                end
            ) as touch_weight,
            sum(
                case
                    when signals.intent_points > 0
                        then
                            signals.intent_points
                            * {{ decayed('signals.age_days', 'settings.intent_half_life_days') }}
                end
            ) as intent_points
        from signals
        left join settings on true
        group by signals.contact_id, signals.snapshot_at, signals.family

    )

    {% set touch = "family not in ('uses', 'tickets', 'trainings', 'mails', 'mail_stops')" -%}
    select
        contact_id,
        snapshot_at,
        {% for days in [7, 30, 90, 180] -%}
        {{ whole_sum('sum_' ~ days ~ 'd', touch) }} as touches_{{ days }}d,
        {% endfor -%}
        cast(count(*) filter (where {{ touch }} and sum_90d > 0) as integer) as touch_kinds_90d,
        min(age_days) filter (where {{ touch }}) as days_since_touch,
        {% for family, windows in signal_windows().items() -%}
        {% for days in windows -%}
        {{ whole_sum('sum_' ~ days ~ 'd', "family = '" ~ family ~ "'") }}
            as {{ family }}_{{ days }}d,
        {% endfor -%}
        {% endfor -%}
        {% for family, name in [
            ('mails', 'mail'), ('mail_clicks', 'mail_click'), ('uses', 'use')
        ] -%}
        min(age_days) filter (where family = '{{ family }}') as days_since_{{ name }},
        {% endfor -%}
        min(fast) filter (where family = 'uses') as uses_fast,
        min(slow) filter (where family = 'uses') as uses_slow,
        min(slow) filter (where family = 'tickets') as tickets_slow,
        sum(touch_weight) as touch_weight,
        sum(intent_points) as intent_points
    from by_family
    group by contact_id, snapshot_at
{%- endmacro %}

{# A sum of whole numbers, as one: NULL where no row fits. #}
{% macro whole_sum(column, condition) -%}
    cast(sum({{ column }}) filter (where {{ condition }}) as integer)
{%- endmacro %}
