-- Opens and clicks at moments that no reader can keep: one row for each rule that speaks of one.
with reactions as (

    select * from {{ ref('int_mail_reactions') }}

),

rules as (

    select * from {{ ref('stg_marketing__actor_timing') }}

),

timed as (

    select
        origin,
        reaction_id,
        send_number,
        send_key,
        actor_action,
        link,
        is_told_machine,
        occurred_at,
        {{ seconds_between('delivered_at', 'occurred_at') }} as since_delivery_seconds,
        {{ seconds_between('first_opened_at', 'occurred_at') }} as since_open_seconds
    from reactions

),

-- Different links of the same send within the rule's seconds before or after a click, its own
-- included.
neighbours as (

    select
        clicks.origin,
        clicks.reaction_id,
        clicks.send_number,
        count(distinct others.link) as links
    from timed as clicks
    inner join rules on rules.actor_rule = 'links_at_once'
    inner join timed as others
        on
            clicks.send_key = others.send_key
            and others.actor_action = 'click'
            and abs({{ seconds_between('others.occurred_at', 'clicks.occurred_at') }})
            <= rules.seconds
    where clicks.actor_action = 'click'
    group by clicks.origin, clicks.reaction_id, clicks.send_number

)

select
    timed.origin,
    timed.reaction_id,
    rules.actor_rule,
    rules.confidence,
    timed.send_number
from timed
inner join rules
    on
        (rules.actor_rule = 'told_by_provider' and timed.is_told_machine)
        or (
            rules.actor_rule = 'opened_at_once'
            and timed.actor_action = 'open'
            and timed.since_delivery_seconds < rules.seconds
        )
        or (
            rules.actor_rule = 'clicked_at_once'
            and timed.actor_action = 'click'
            and timed.since_delivery_seconds < rules.seconds
        )
        or (
            rules.actor_rule = 'clicked_before_read'
            and timed.actor_action = 'click'
            and timed.since_open_seconds >= 0
            and timed.since_open_seconds < rules.seconds
        )
union all
select
    neighbours.origin,
    neighbours.reaction_id,
    rules.actor_rule,
    rules.confidence,
    neighbours.send_number
from neighbours
inner join rules on rules.actor_rule = 'links_at_once' and neighbours.links >= rules.links
