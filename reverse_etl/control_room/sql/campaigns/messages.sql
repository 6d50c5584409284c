-- Names need not be unique; keys are.
with named as (
    select
        * replace (
            campaign_name || if(count(*) over (partition by campaign_name) > 1, ' (' || campaign || ')', '')
                as campaign_name
        )
    from marts.campaigns
),

states as (
    select
        campaign_name,
        vertical,
        messages,
        sent as "Sent",
        underway as "Underway",
        unknown as "Unknown",
        waiting as "Held back for a time",
        not_sent - waiting as "Stopped"
    from named
)

select campaign_name, vertical, state, messages as intended, count
from states
unpivot (count for state in ("Sent", "Underway", "Unknown", "Held back for a time", "Stopped"))
where count > 0
order by
    intended desc,
    campaign_name,
    list_position(['Sent', 'Underway', 'Unknown', 'Held back for a time', 'Stopped'], state)
