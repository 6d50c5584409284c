-- What versions side by side are for is the goal of the journey; a campaign's is its objective.
with journey_goals as (

    select
        'journey:' || journey || ':versions' as experiment,
        vertical,
        {{ json_text_at('definition', "'goal.event'") }} as event,
        {{ json_text_at('definition', "'goal.touch'") }} as touch,
        {{ json_text_at('definition', "'goal.where'") }} is not null as is_narrower
    from {{ ref('stg_journeys__versions') }}
    qualify row_number() over (partition by journey order by version_sequence desc) = 1

),

-- A condition that a goal adds is not asked: any conversion stands for it.
final as (

    select
        experiment,
        'Versions side by side' as experiment_name,
        vertical,
        case
            when is_narrower then 'goal'
            when event is not null then 'event'
            when touch is not null then 'touch'
            else 'goal'
        end as metric_kind,
        case when is_narrower then 'conversion' else coalesce(event, touch, 'conversion') end
            as metric,
        cast(null as double) as within_days
    from journey_goals
    union all
    select
        'campaign:' || campaign as experiment,
        campaign_name as experiment_name,
        vertical,
        objective_kind as metric_kind,
        objective_name as metric,
        objective_days as within_days
    from {{ ref('stg_campaigns__versions') }}
    qualify
        row_number() over (partition by campaign order by known_at desc, version_sequence desc) = 1

)

select * from final
