{{ config(materialized='view') }}

-- One row per event: its list, and what those who came did from its first day until so many days
-- after its last.
with events as (

    select
        events.*,
        events.ends_on + settings.event_window_days as window_end_on
    from {{ ref('int_events') }} as events
    cross join {{ ref('stg_marketing__performance_settings') }} as settings

),

attendees as (

    select
        attendees.*,
        events.starts_on,
        events.window_end_on
    from {{ ref('int_event_attendees') }} as attendees
    inner join events on attendees.event_key = events.event_key

),

lists as (

    select
        event_key,
        count(*) as listed,
        sum(cast(is_registered as integer)) as registered,
        sum(cast(is_attended as integer)) as attended,
        count(distinct contact_id) as known_contacts,
        count(distinct account_id) as accounts,
        count(
            distinct case
                when
                    contact_created_on >= least(first_listed_on, starts_on)
                    and contact_created_on < window_end_on
                    then contact_id
            end
        ) as new_contacts
    from attendees
    group by event_key

),

-- Results count for those who came.
meetings as (

    select
        attendees.event_key,
        count(*) as meetings
    from attendees
    inner join {{ ref('int_event_meetings') }} as meetings
        on
            attendees.contact_id = meetings.contact_id
            and attendees.starts_on <= meetings.met_on
            and attendees.window_end_on > meetings.met_on
    where attendees.is_attended
    group by attendees.event_key

),

accounts as (

    select distinct
        event_key,
        account_id,
        starts_on,
        window_end_on
    from attendees
    where is_attended and account_id is not null

),

deals as (

    select
        accounts.event_key,
        count(*) as deals_opened,
        sum(cast(deals.is_won as integer)) as deals_won,
        sum(case when deals.is_open then deals.amount_base else 0 end) as pipeline_known,
        sum(case when deals.is_won then deals.amount_base else 0 end) as won_known,
        sum(
            case when deals.amount is not null and deals.amount_base is null then 1 else 0 end
        ) as unknown_amounts
    from accounts
    inner join {{ ref('int_deal_sources') }} as deals
        on
            accounts.account_id = deals.account_id
            and accounts.starts_on <= deals.created_on
            and accounts.window_end_on > deals.created_on
    group by accounts.event_key

),

joined as (

    select
        events.event_key,
        events.event_name,
        events.event_type,
        events.vertical,
        events.starts_on,
        events.ends_on,
        events.city,
        events.window_end_on,
        {% for source, column in [
            ('lists', 'listed'), ('lists', 'registered'), ('lists', 'attended'),
            ('lists', 'known_contacts'), ('lists', 'accounts'), ('lists', 'new_contacts'),
            ('meetings', 'meetings'), ('deals', 'deals_opened'), ('deals', 'deals_won')
        ] -%}
        cast(coalesce({{ source }}.{{ column }}, 0) as bigint) as {{ column }},
        {% endfor -%}
        {% for amount in ['pipeline', 'won'] -%}
        case
            when coalesce(deals.unknown_amounts, 0) = 0
                then cast(coalesce(deals.{{ amount }}_known, 0) as decimal(18, 4))
        end as {{ amount }}_base{% if not loop.last %},{% endif %}
        {% endfor %}
    from events
    left join lists on events.event_key = lists.event_key
    left join meetings on events.event_key = meetings.event_key
    left join deals on events.event_key = deals.event_key

)

select * from joined
