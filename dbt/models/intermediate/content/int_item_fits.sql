-- One row per recommendable item, stage and persona of its vertical ('' is none): the part of the
-- score that is the same for everybody in that class.
with items as (

    select * from {{ ref('int_recommendable_items') }}

),

settings as (

    select * from {{ ref('stg_marketing__recommendation_settings') }}

),

stages as (

    select
        stage,
        lag(stage) over (order by position) as stage_before
    from {{ ref('stg_marketing__content_stages') }}

),

personas as (

    select
        persona,
        vertical
    from {{ ref('stg_marketing__personas') }}
    union all
    select
        '' as persona,
        vertical
    from (select distinct vertical from items) as verticals

),

weights as (

    select * from {{ ref('stg_marketing__persona_weights') }}

),

audiences as (

    select
        items.content_id,
        weights.persona
    from items
    inner join weights on weights.kind = 'written_for' and items.written_for = weights.name

),

responses as (

    select * from {{ ref('int_item_responses') }}

),

unseen as (

    select coalesce(max(unseen_performance_fit), 0e0) as performance_fit from responses

),

terms as (

    select
        items.item_number,
        items.content_id,
        items.vertical,
        items.language,
        items.topic,
        items.type_number,
        stages.stage,
        personas.persona,
        case
            when lower(items.stage) = stages.stage then settings.same_stage
            when next_stages.stage is not null then settings.next_stage
            else settings.other_stage
        end as stage_fit,
        (
            coalesce(topics.weight, settings.unknown_weight)
            + coalesce(types.weight, settings.unknown_weight)
        ) / 2e0
        * case
            when items.written_for is null or audiences.content_id is not null then 1e0
            else settings.other_audience
        end as persona_fit,
        coalesce(responses.performance_fit, unseen.performance_fit) as performance_fit,
        {{ decayed('items.age_days', 'settings.freshness_half_life_days') }} as freshness
    from items
    cross join settings
    cross join unseen
    cross join stages
    inner join personas on items.vertical = personas.vertical
    left join stages as next_stages
        on
            lower(items.stage) = next_stages.stage
            and stages.stage = next_stages.stage_before
    left join weights as topics
        on personas.persona = topics.persona and topics.kind = 'topic' and items.topic = topics.name
    left join weights as types
        on
            personas.persona = types.persona
            and types.kind = 'content_type'
            and items.content_type = types.name
    left join audiences
        on items.content_id = audiences.content_id and personas.persona = audiences.persona
    left join responses
        on
            items.content_id = responses.content_id
            and stages.stage = responses.stage
            and personas.persona = responses.persona

),

scored as (

    select
        terms.*,
        -- Rounded, or ties would depend on the order of addition.
        round(
            settings.stage_weight * terms.stage_fit
            + settings.persona_weight * terms.persona_fit
            + settings.performance_weight * terms.performance_fit
            + settings.freshness_weight * terms.freshness, 9
        ) as class_score
    from terms
    cross join settings

)

select
    scored.*,
    row_number() over (
        partition by
            scored.vertical, scored.language, scored.stage, scored.persona, scored.type_number
        order by scored.class_score desc, scored.item_number asc
    ) as type_rank,
    row_number() over (
        partition by
            scored.vertical, scored.language, scored.stage, scored.persona, scored.type_number,
            scored.topic
        order by scored.class_score desc, scored.item_number asc
    ) as topic_rank
from scored
