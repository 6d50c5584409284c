with turns as (

    select * from {{ ref('int_consent_turns') }}

),

{% set groups = [('all', "'all'"), ('mechanism', 'mechanism'), ('legal_basis', 'legal_basis')] -%}
{% set counted = {
    'granted': "turn = 'granted'",
    'requested': "turn = 'pending'",
    'confirmed': "turn = 'pending' and days_to_confirm is not null",
    'pending': "turn = 'pending' and days_to_confirm is null",
    'withdrawn': "turn = 'withdrawn'",
    'objected': "turn = 'objection'",
    'suppressed': "turn = 'suppressed'",
    'expired': "turn = 'expired'",
    'granted_still': "turn = 'granted' and is_granted_still",
} -%}
subjects as (

    {% for kind, name in groups -%}
    select
        month,
        vertical,
        purpose,
        channel,
        '{{ kind }}' as group_kind,
        {{ name }} as group_name,
        {% for column, condition in counted.items() -%}
        max(case when {{ condition }} then 1 else 0 end) as {{ column }},
        {% endfor -%}
        max(case when turn = 'granted' then turned_at end) as granted_at,
        max(case when turn not in ('granted', 'expired') then turned_at end) as otherwise_at
    from turns
    group by month, vertical, purpose, channel, {{ name }}, subject_id
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

totals as (

    select
        month,
        vertical,
        purpose,
        channel,
        group_kind,
        group_name,
        {% for column in counted -%}
        cast(sum({{ column }}) as bigint) as {{ column }},
        {% endfor -%}
        -- The last word of the month; of one moment the strictest, and none is laxer than a grant.
        {{ ratio(
            "count(case when granted_at > otherwise_at or otherwise_at is null "
            "then granted_at end)",
            "count(coalesce(granted_at, otherwise_at))"
        ) }} as opt_in_rate
    from subjects
    group by month, vertical, purpose, channel, group_kind, group_name

),

waits as (

    {% for kind, name in groups -%}
    select
        month,
        vertical,
        purpose,
        channel,
        '{{ kind }}' as group_kind,
        {{ name }} as group_name,
        median(days_to_confirm) as median_days_to_confirm
    from turns
    where days_to_confirm is not null
    group by month, vertical, purpose, channel, {{ name }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    totals.*,
    waits.median_days_to_confirm
from totals
left join waits
    on
        totals.month = waits.month
        and totals.vertical = waits.vertical
        and totals.purpose = waits.purpose
        and totals.channel = waits.channel
        and totals.group_kind = waits.group_kind
        and totals.group_name = waits.group_name
