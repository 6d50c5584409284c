with turns as (

    select * from {{ ref('int_consent_turns') }}

),

grouped as (

    {% for kind, name in [
        ('all', "'all'"), ('mechanism', 'mechanism'), ('legal_basis', 'legal_basis')
    ] -%}
    select
        turns.*,
        '{{ kind }}' as group_kind,
        {{ name }} as group_name,
        -- The last word of the month: of one moment's the strictest.
        row_number() over (
            partition by
                turns.month, turns.vertical, turns.purpose, turns.channel, {{ name }},
                turns.subject_id, turns.turn = 'expired'
            order by
                turns.turned_at desc, {{ consent_severity('turns.turn') }} desc,
                turns.evidence_id asc
        ) = 1 and turns.turn <> 'expired' as is_last_word
    from turns
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    month,
    vertical,
    purpose,
    channel,
    group_kind,
    group_name,
    count(distinct case when turn = 'granted' then subject_id end) as granted,
    count(distinct case when turn = 'pending' then subject_id end) as requested,
    count(distinct case when turn = 'pending' and days_to_confirm is not null then subject_id end)
        as confirmed,
    count(distinct case when turn = 'pending' and days_to_confirm is null then subject_id end)
        as pending,
    count(distinct case when turn = 'withdrawn' then subject_id end) as withdrawn,
    count(distinct case when turn = 'objection' then subject_id end) as objected,
    count(distinct case when turn = 'suppressed' then subject_id end) as suppressed,
    count(distinct case when turn = 'expired' then subject_id end) as expired,
    count(distinct case when turn = 'granted' and is_granted_still then subject_id end)
        as granted_still,
    {{ ratio(
        "count(case when is_last_word and turn = 'granted' then 1 end)",
        "count(case when is_last_word then 1 end)"
    ) }} as opt_in_rate,
    median(days_to_confirm) as median_days_to_confirm
from grouped
group by month, vertical, purpose, channel, group_kind, group_name
