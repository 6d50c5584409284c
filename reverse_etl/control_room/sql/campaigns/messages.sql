with states as (
    select
        campaign_name,
        vertical,
        messages,
        sent as "Sent",
        underway as "Underway",
        unknown as "Unknown",
        waiting as "Held back for a time",
        not_sent - waiting as "Stopped"
    from marts.campaigns
)

select campaign_name, vertical, state, messages as intended, count
from states
unpivot (count for state in ("Sent", "Underway", "Unknown", "Held back for a time", "Stopped"))
where count > 0
order by
    intended desc,
    campaign_name,
    list_position(['Sent', 'Underway', 'Unknown', 'Held back for a time', 'Stopped'], state)
