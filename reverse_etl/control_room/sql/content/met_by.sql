select
    content.vertical,
    edges.channel,
    edges.persona,
    sum(edges.human_touches) as touches,
    count(distinct edges.content_id) as items
from marts.content_channel_personas as edges
inner join marts.dim_content as content on edges.content_id = content.content_id
where edges.human_touches > 0 and content.vertical is not null
group by content.vertical, edges.channel, edges.persona
order by
    content.vertical,
    sum(touches) over (partition by content.vertical, edges.persona) desc,
    sum(touches) over (partition by content.vertical, edges.channel) desc
