with accounts as (
    select
        engagement.vertical,
        engagement.stage,
        engagement.stage_rank,
        engagement.engagement_score,
        engagement.engaged_contacts,
        unnest(
            case
                when targets.account_id is null then ['all with a known contact']
                else ['target accounts', 'all with a known contact']
            end
        ) as of_which
    from marts.account_engagement as engagement
    left join marts.target_accounts as targets on engagement.account_id = targets.account_id
    where engagement.vertical is not null
)

select
    of_which,
    stage,
    vertical,
    count(*) as accounts,
    avg(engagement_score) as engagement_score,
    sum(engaged_contacts) as engaged_contacts
from accounts
group by of_which, stage, stage_rank, vertical
order by of_which desc, stage_rank, vertical
