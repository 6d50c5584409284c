with picks as (

    select * from {{ ref('int_recommendation_picks') }}

),

histories as (

    select * from {{ ref('int_recommendation_histories') }}

),

contacts as (

    select * from {{ ref('int_recommendation_contacts') }}

),

items as (

    select * from {{ ref('int_recommendable_items') }}

),

fits as (

    select * from {{ ref('int_item_fits') }}

),

settings as (

    select
        settings.*,
        run_context.as_of
    from {{ ref('stg_marketing__recommendation_settings') }} as settings
    cross join {{ ref('stg_system__run_context') }} as run_context

),

explained as (

    select
        picks.*,
        contacts.contact_id,
        contacts.vertical,
        contacts.stage as contact_stage,
        nullif(contacts.persona, '') as persona,
        items.content_id,
        items.content_type,
        items.needs_approval,
        {{ recommendation_score('fits.class_score', 'topics.value', 'types.value') }} as score,
        fits.stage_fit,
        fits.persona_fit,
        coalesce(topics.value, 0e0) as topic_fit,
        fits.performance_fit,
        fits.freshness,
        1e0 - coalesce(types.value, 0e0) as novelty,
        settings.channel,
        settings.as_of as recommended_at,
        settings.stage_weight * fits.stage_fit as stage_part,
        settings.persona_weight * fits.persona_fit as persona_part,
        settings.topic_weight * coalesce(topics.value, 0e0) as topic_part,
        settings.performance_weight * fits.performance_fit as performance_part,
        settings.freshness_weight * fits.freshness as freshness_part,
        settings.novelty_weight * (1e0 - coalesce(types.value, 0e0)) as novelty_part
    from picks
    cross join settings
    inner join contacts on picks.contact_number = contacts.contact_number
    inner join items on picks.item_number = items.item_number
    inner join fits
        on
            picks.item_number = fits.item_number
            and contacts.stage = fits.stage
            and contacts.persona = fits.persona
    left join histories as topics
        on
            topics.kind = 'topic'
            and picks.contact_number = topics.contact_number
            and items.topic = topics.name
    left join histories as types
        on
            types.kind = 'type'
            and picks.contact_number = types.contact_number
            and items.content_type = types.name

),

-- The two largest parts of the score; of equal ones the first in this order.
reasons as (

    select
        contact_id,
        recommendation_rank,
        term,
        row_number() over (
            partition by contact_id, recommendation_rank order by part desc, position asc
        ) as place
    from (
        {% for term in ['stage', 'persona', 'topic', 'performance', 'freshness', 'novelty'] -%}
        select
            contact_id,
            recommendation_rank,
            '{{ term }}' as term,
            {{ loop.index }} as position,
            round({{ term }}_part, 9) as part
        from explained
        {{ 'union all' if not loop.last }}
        {% endfor -%}
    ) as parts

)

select
    explained.contact_id,
    explained.recommendation_rank,
    explained.content_id,
    explained.content_type,
    explained.vertical,
    explained.contact_stage,
    explained.persona,
    explained.score,
    explained.stage_fit,
    explained.persona_fit,
    explained.topic_fit,
    explained.performance_fit,
    explained.freshness,
    explained.novelty,
    first_reason.term as reason_1,
    second_reason.term as reason_2,
    explained.is_exploration,
    explained.propensity,
    explained.allowed_items,
    explained.needs_approval,
    explained.channel,
    explained.recommended_at
from explained
inner join reasons as first_reason
    on
        explained.contact_id = first_reason.contact_id
        and explained.recommendation_rank = first_reason.recommendation_rank
        and first_reason.place = 1
inner join reasons as second_reason
    on
        explained.contact_id = second_reason.contact_id
        and explained.recommendation_rank = second_reason.recommendation_rank
        and second_reason.place = 2
