-- A version is in force from its row on, until the campaign's next one.
select
    campaign,
    version,
    definition_hash,
    status,
    {{ json_text('definition', 'name') }} as campaign_name,
    {{ json_text('definition', 'description') }} as campaign_description,
    {{ json_text('definition', 'vertical') }} as vertical,
    {{ json_text('definition', 'owner') }} as owner,
    {{ json_text('definition', 'journey') }} as journey,
    case
        when {{ json_text('definition', 'journey') }} is not null then 'triggered'
        when {{ json_text_at('definition', "'schedule.at'") }} is not null then 'broadcast'
        else 'recurring'
    end as campaign_kind,
    {{ json_text('definition', 'channel') }} as channel,
    {{ json_text('definition', 'template') }} as template,
    coalesce({{ json_text('definition', 'purpose') }}, 'marketing') as purpose,
    coalesce({{ json_text('definition', 'class') }}, 'marketing') as message_class,
    coalesce({{ json_text('definition', 'approval') }}, 'once') as approval,
    coalesce(cast({{ json_text('definition', 'holdout') }} as double), 0) as holdout_share,
    cast({{ json_text('definition', 'cost') }} as decimal(18, 4)) as cost_base,
    {{ json_text_at('definition', "'objective.metric'") }} as objective_metric,
    case
        when {{ json_text_at('definition', "'objective.reached_by.event'") }} is not null
            then 'event'
        else 'touch'
    end as objective_kind,
    coalesce(
        {{ json_text_at('definition', "'objective.reached_by.event'") }},
        {{ json_text_at('definition', "'objective.reached_by.touch'") }}
    ) as objective_name,
    coalesce(cast({{ json_text_at('definition', "'objective.within_days'") }} as double), 30)
        as objective_days,
    cast({{ json_text_at('definition', "'objective.target'") }} as double) as objective_target,
    cast({{ json_text_at('definition', "'objective.deadline'") }} as date) as objective_deadline_on,
    definition,
    sequence as version_sequence,
    known_at
from {{ source('lake', 'campaign_versions') }}
