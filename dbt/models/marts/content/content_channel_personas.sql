with touches as (

    select * from {{ ref('int_content_touches') }}
    where is_human

),

personas as (

    select * from {{ ref('contact_personas') }}

),

edges as (

    select
        touches.content_id,
        touches.channel,
        case
            when touches.contact_id is null then 'anonymous'
            else coalesce(personas.persona, 'other')
        end as persona,
        count(*) as human_touches,
        count(distinct touches.contact_id) as contacts
    from touches
    left join personas on touches.contact_id = personas.contact_id
    group by 1, 2, 3

)

select
    content_id,
    channel,
    persona,
    human_touches,
    contacts,
    {{ ratio('human_touches', 'sum(human_touches) over (partition by content_id)') }} as touch_share
from edges
